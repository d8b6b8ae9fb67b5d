// GraphQL over HTTP: the audits of the reference implementation. What the specification only recommends counts too.
import { serverAudits } from 'graphql-http';
import { check, finish, SERVER } from './checks.mjs';

const audits = serverAudits({ url: SERVER, fetchFn: fetch });
for (const audit of audits) {
  const { status, reason } = await audit.fn();
  check(`${audit.id} ${audit.name}`, status === 'ok', `${status}: ${reason}`);
}
check('the reference implementation has 61 audits', audits.length === 61, audits.length);
finish();
