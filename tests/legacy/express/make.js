// Prints the cookies that cookie-session sets, as JSON, for each of the jobs in standard input.
// A job: { options, state }, or { options, state, cookie } to see what it reads from a cookie.

import { createServer, get } from "node:http";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import cookieSession from "cookie-session";

const answers = [];
for (const { options, state, cookie } of JSON.parse(readFileSync(0, "utf8"))) {
  const session = cookieSession(options);
  const server = createServer((request, response) =>
    session(request, response, () => {
      const read = { ...request.session };
      if (!cookie) Object.assign(request.session, state);
      response.end(JSON.stringify(read));
    }),
  ).listen(0, "127.0.0.1");
  await once(server, "listening");
  const headers = cookie ? { cookie } : {};
  const [response] = await once(get({ port: server.address().port, headers, agent: false }), "response");
  const chunks = await response.toArray();
  answers.push({ cookies: response.headers["set-cookie"] ?? [], read: JSON.parse(Buffer.concat(chunks)) });
  server.close();
}
process.stdout.write(JSON.stringify(answers));
