// SPDX-License-Identifier: MIT

// server.mjs PORT: a document on every path, 10 a second and address, by express-rate-limit (a fixed window).

import express from "express";
import { rateLimit } from "express-rate-limit";

const app = express();
app.use(rateLimit({ windowMs: 1000, limit: 10 }));
app.use((request, response) => response.send("a document\n"));
app.listen(Number(process.argv[2]), "127.0.0.1");
