// Asks for the status every few seconds and shows it. What is shown is made of text nodes alone.
const PAUSE = 5000;
const CREDENTIAL = "opportunity-graph.credential"; // shared with the other pages of this server
const LATELY = 120;
const SHAPES = { good: "M5 0a5 5 0 1 0 .01 0z", warn: "M5 0l5 9.5H0z", bad: "M0 0h10v10H0z", none: "M0 4h10v2H0z" };
// The headers of credentials and how people call what they carry, in the order of all pages of this server.
const KINDS = { "X-API-Key": "API key", Authorization: "token" };
const COPY = {
  unlisted: ["none", "has no list"],
  waiting: ["none", "not read yet"],
  filling: ["warn", "being read for the first time"],
  current: ["good", "current"],
  incomplete: ["warn", "may lack deals"],
  failing: ["bad", "the last run failed"],
  braked: ["bad", "deletions are held back"],
  off: ["none", "kept current elsewhere"],
};

const main = document.getElementById("main");
const verdict = document.getElementById("verdict");
const read = document.getElementById("read");
let shown = null;

const number = new Intl.NumberFormat("en-GB");
const percent = (part, all) => (all ? `${Math.round((100 * part) / all)} %` : "–");
const plural = (count, one, many = `${one}s`) => `${number.format(count)} ${count === 1 ? one : many}`;

function duration(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
}

function el(name, classes, ...children) {
  const made = document.createElement(name);
  if (classes) made.className = classes;
  made.append(...children.filter((child) => child !== null));
  return made;
}

function pill([level, text]) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 10 10");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", SHAPES[level]);
  svg.append(path);
  return el("span", `pill ${level}`, svg, text);
}

function figure(title, value, detail = null) {
  return el("div", "", el("dt", "", title), el("dd", "", value, detail && el("small", "", detail)));
}

function judge(source, now) {
  if (!source.isConfigured) return ["none", "Not configured"];
  if (source.breaker === "open") return ["bad", "Not asked: it keeps failing"];
  if (source.breaker === "half_open") return ["warn", "Tried again after failures"];
  const last = source.failures[0];
  if (last && now - last.at < LATELY) return ["warn", `Failed ${duration(now - last.at)} ago`];
  return source.requests ? ["good", "Answers"] : ["none", "Not asked yet"];
}

function ration({ windowSeconds, left, limit }) {
  const window = { 0.1: "a tenth of a second", 1: "a second", 60: "a minute", 3600: "an hour" }[windowSeconds];
  const fill = el("i");
  fill.style.width = `${(100 * left) / limit}%`;
  return el(
    "div",
    "ration",
    el("span", "", `In ${window ?? duration(windowSeconds)}`),
    el("span", "quiet", `${number.format(left)} of ${number.format(limit)} left`),
    el("div", left < limit / 10 && limit > 1 ? "bar low" : "bar", fill),
  );
}

function age(copy) {
  return figure("Age of the copy", copy.ageSeconds === null ? "–" : duration(copy.ageSeconds), COPY[copy.state][1]);
}

function unreadFigure({ unreadCustomers }) {
  return unreadCustomers ? figure("Customers not read yet", number.format(unreadCustomers), "deals lack their names") : null;
}

function copyFigures(copy) {
  const lacking = copy.drift && copy.drift < 0 ? `${plural(-copy.drift, "deal")} fewer than the vendor counts` : null;
  if (copy.drift === null) return [figure("Deals in the copy", number.format(copy.deals), "not counted by the vendor"), age(copy), unreadFigure(copy)];
  const more = copy.drift > 0 ? `${plural(copy.drift, "deal")} more than the vendor counts` : null;
  return [
    figure("Deals in the copy", number.format(copy.deals), lacking ?? more ?? "as the vendor counts"),
    age(copy),
    unreadFigure(copy),
  ];
}

function sourceCard(source, now) {
  const card = el("section", "", el("div", "head", el("h2", "", source.title), pill(judge(source, now))));
  if (!source.isConfigured) return card;
  const { records, copy } = source;
  const { ration: unrationed, breaker } = source.notAsked;
  const why = [unrationed && `${number.format(unrationed)} for the ration`, breaker && `${number.format(breaker)} while it failed`];
  card.append(
    el("dl", "figures",
      ...(copy ? copyFigures(copy) : []),
      figure("Records from memory", percent(records.cached, records.asked), `of ${number.format(records.asked)} asked for`),
      figure("Requests", number.format(source.requests), source.failedRequests ? `${number.format(source.failedRequests)} failed` : "none failed"),
      figure("Mean time", source.meanSeconds === null ? "–" : duration(source.meanSeconds), "for a request"),
      figure("Stale records", number.format(source.stale), "served while it failed"),
      unrationed + breaker ? figure("Records not asked for", number.format(unrationed + breaker), why.filter(Boolean).join(", ")) : null,
    ),
  );
  if (copy && copy.problem) card.append(el("p", "", "The copy: ", el("code", "", copy.problem)));
  if (source.rations.length) {
    const waiting = source.waiting ? el("p", "quiet", `${plural(source.waiting, "request")} waiting.`) : null;
    card.append(el("div", "", el("h3", "", "Ration"), ...source.rations.map(ration), waiting));
  }
  const failures = source.failures.map(({ code, count, at }) =>
    el("li", "", el("code", "", code), el("span", "quiet", `${number.format(count)} ×, last ${duration(Math.max(0, now - at))} ago`)));
  card.append(el("div", "", el("h3", "", "Last failures"), failures.length ? el("ul", "", ...failures) : el("p", "quiet", "None since the start.")));
  return card;
}

function serverCard(data) {
  const { hits, misses } = data.storedResponses;
  const reasons = Object.entries(data.refusals).map(([reason, count]) => `${reason} ${number.format(count)}`);
  const refused = Object.values(data.refusals).reduce((sum, count) => sum + count, 0);
  const store = data.store && (data.store.isUp ? ["good", "Store answers"] : ["bad", "Store cannot be read"]);
  return el("section", "wide",
    el("div", "head", el("h2", "", "This server"), store ? pill(store) : null),
    el("dl", "figures",
      figure("Operations", number.format(data.operations), data.failedOperations ? `${number.format(data.failedOperations)} with errors` : "none with errors"),
      figure("Stored responses", percent(hits, hits + misses), `of ${plural(hits + misses, "request")}`),
      figure("Compiled", percent(data.compiled, data.operations), "of the operations"),
      figure("Refused requests", number.format(refused), reasons.join(", ") || "none"),
      figure("Connections", number.format(data.connections), plural(data.processes, "process", "processes")),
    ),
  );
}

function sentence(data) {
  const bad = data.sources.filter((source) => source.isConfigured && source.breaker === "open");
  if (data.store && !data.store.isUp) return "The store cannot be read: no lists, records by id go on.";
  if (bad.length) return `${bad.map(({ title }) => title).join(" and ")} cannot be reached.`;
  const held = data.sources.find(({ copy }) => copy && COPY[copy.state][0] === "bad");
  if (held) return `The copy of ${held.title} is not kept current.`;
  const lately = data.sources.find((source) => judge(source, data.now)[0] === "warn");
  if (lately) return `${lately.title} has failed lately.`;
  const filling = data.sources.find(({ copy }) => copy && copy.state === "filling");
  if (filling) return `${filling.title} is being read for the first time.`;
  const unread = data.sources.find(({ copy }) => copy && copy.unreadCustomers);
  return unread ? `The names of ${unread.title}'s customers are being read.` : "Everything is well.";
}

function show(data) {
  shown = data;
  document.body.classList.remove("is-old");
  verdict.textContent = sentence(data);
  read.textContent = `Version ${data.version}. Counted since the start of the server; read at ${new Date(data.now * 1000).toLocaleTimeString("en-GB")}.`;
  main.replaceChildren(...data.sources.map((source) => sourceCard(source, data.now)), serverCard(data));
}

function showSignIn(text, tried) {
  if (main.querySelector("form")) return;
  const header = el("select", "", ...Object.entries(KINDS).map(([name, kind]) => new Option(kind[0].toUpperCase() + kind.slice(1), name)));
  if (tried) header.value = tried;
  const value = el("input");
  Object.assign(value, { type: "password", required: true, autocomplete: "off" });
  const told = el("p", tried ? "refusal" : "", text);
  told.role = tried ? "alert" : null;
  const form = el("form", "", told, el("label", "", "Kind of credential", header), el("label", "", "Credential", value), el("button", "", "Show the status"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = value.value.trim();
    const sent = header.value === "Authorization" ? `Bearer ${text.replace(/^bearer\s+/i, "")}` : text;
    sessionStorage.setItem(CREDENTIAL, JSON.stringify({ header: header.value, value: sent }));
    main.replaceChildren();
    ask();
  });
  verdict.textContent = "Who are you?";
  read.textContent = "The credential is kept for this tab alone.";
  main.replaceChildren(form);
  value.focus();
}

function credential() {
  try {
    const { header, value } = JSON.parse(sessionStorage.getItem(CREDENTIAL)) ?? {};
    return header in KINDS && value ? { header, value } : null;
  } catch {
    return null;
  }
}

async function ask() {
  try {
    const tried = credential();
    const headers = { "GraphQL-Require-Preflight": "true", ...(tried && { [tried.header]: tried.value }) };
    const response = await fetch("status.json", { headers, cache: "no-store", credentials: "same-origin" });
    if (response.ok) return show(await response.json());
    const { errors } = await response.json();
    const refusal = tried && response.status === 401 && `The server does not accept this ${KINDS[tried.header]}. It may have expired.`;
    if (response.status === 401 || response.status === 403) return showSignIn(refusal || errors[0].message, tried?.header);
    throw new Error(errors[0].message);
  } catch {
    document.body.classList.add("is-old");
    verdict.textContent = "The server does not answer.";
    if (shown) read.textContent = `What is below was read at ${new Date(shown.now * 1000).toLocaleTimeString("en-GB")}.`;
  }
}

async function keepAsking() {
  if (!document.hidden) await ask();
  setTimeout(keepAsking, PAUSE);
}

document.addEventListener("visibilitychange", () => document.hidden || ask());
keepAsking();
