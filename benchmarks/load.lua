-- wrk's script: POSTs the bodies of a file in turn. "@@" in a body becomes a name that no request had before, "##" a
-- number.
local bodies = {}
for line in io.lines(os.getenv("BODIES")) do bodies[#bodies + 1] = line end
local path, number, run = os.getenv("GRAPHQL_PATH"), 0, os.getenv("RUN")
local headers = { ["Content-Type"] = "application/json", ["Accept"] = "application/json" }
local requests, is_fresh = {}, bodies[1]:find("@@", 1, true)

function init()
  for name, value in pairs(wrk.headers) do headers[name] = value end  -- those of wrk's -H
  for i, body in ipairs(bodies) do requests[i] = wrk.format("POST", path, headers, body) end
end

function request()
  number = number + 1
  if is_fresh then
    local body = bodies[number % #bodies + 1]:gsub("@@", run .. "_" .. number)
    return wrk.format("POST", path, headers, (body:gsub("##", run:sub(-9) .. string.format("%07d", number))))
  end
  return requests[number % #requests + 1]
end

local most = tonumber(os.getenv("MOST_REQUESTS") or "")
if most then  -- only then, for wrk hands over every response
  function response()
    most = most - 1
    if most == 0 then wrk.thread:stop() end
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'JSON {"requests": %d, "seconds": %.4f, "p50": %.3f, "p99": %.3f, "bad": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
