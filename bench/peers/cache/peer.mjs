// SPDX-License-Identifier: MIT
// undici with its private cache: a line of JSON for each request on the input, one for each response on the output.
import readline from "node:readline";
import { Agent, cacheStores, interceptors, request } from "undici";

const dispatcher = new Agent().compose(
  interceptors.cache({ type: "private", methods: ["GET", "HEAD"], store: new cacheStores.MemoryCacheStore() }),
);

readline.createInterface({ input: process.stdin }).on("line", async (line) => {
  const { id, method, url, fields } = JSON.parse(line);
  const say = (said) => process.stdout.write(`${JSON.stringify({ id, ...said })}\n`);
  try {
    const answer = await request(url, { method, headers: fields, dispatcher });
    const all = Object.entries(answer.headers).flatMap(([n, v]) => (Array.isArray(v) ? v : [v]).map((one) => [n, String(one)]));
    say({ status: answer.statusCode, fields: all, body: await answer.body.text() });
  } catch (fault) {
    say({ error: String(fault) });
  }
});
