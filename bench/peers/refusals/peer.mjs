// SPDX-License-Identifier: MIT

// peer.mjs URL DOCUMENTS WORKERS SECONDS: bottleneck, by the contract of peer.go.

import Bottleneck from "bottleneck";

const [url, documents, workers, seconds] = process.argv.slice(2);
const limiter = new Bottleneck({
  reservoir: 10,
  reservoirRefreshAmount: 10,
  reservoirRefreshInterval: 1000,
  maxConcurrent: Number(workers),
});

let left = Number(documents);
let requests = 0;
let refused = 0;
const began = performance.now();

function end() {
  console.log(requests, refused, (performance.now() - began) / 1000);
  process.exit(0);
}

async function fetchOne() {
  const answer = await fetch(url);
  await answer.arrayBuffer();
  requests += 1;
  if (answer.status === 429) {
    refused += 1;
    schedule();
  } else if (answer.status !== 200) {
    throw new Error(`the server answered ${answer.status}`);
  } else if (--left === 0) {
    end();
  }
}

function schedule() {
  limiter.schedule(fetchOne).catch((fault) => {
    if (!(fault instanceof Bottleneck.BottleneckError)) throw fault; // else it was dropped by stop()
  });
}

for (let i = 0; i < left; ++i) schedule();
setTimeout(() => limiter.stop({ dropWaitingJobs: true }).then(end), Number(seconds) * 1000);
