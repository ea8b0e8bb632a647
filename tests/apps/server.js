// SPDX-License-Identifier: Apache-2.0
// The tutorial's backend: an Express server that answers every request for / with the SERVER_ID and
// PORT of its environment. Scenes and the demo start three of them. It also serves bytes that can be
// checked (/blob/1m, /blob/100m, each with its sha256 in a header) and a slow answer (/slow?ms=500).
// It must never depend on anything but express, and never write to disk.
'use strict';

const crypto = require('crypto');
const express = require('express');

const SERVER_ID = process.env.SERVER_ID || '1';
const PORT = Number(process.env.PORT || 1000);
const HOST = process.env.HOST || '0.0.0.0';
const MEBIBYTE = 1 << 20;

const app = express();
app.disable('x-powered-by');
app.set('etag', false);

app.get('/', (request, response) => {
  response.json({ SERVER_ID, PORT: String(PORT) });
});

app.get('/slow', (request, response) => {
  const milliseconds = Math.min(Number(request.query.ms) || 500, 60000);
  setTimeout(() => response.json({ SERVER_ID, PORT: String(PORT) }), milliseconds);
});

// The bytes of a blob: an AES-CTR key stream, so every server sends the same ones.
function keyStream() {
  return crypto.createCipheriv('aes-128-ctr', Buffer.alloc(16, 'weir'), Buffer.alloc(16));
}

const digests = new Map();
function digest(mebibytes) {
  if (!digests.has(mebibytes)) {
    const hash = crypto.createHash('sha256');
    const stream = keyStream();
    const zeros = Buffer.alloc(MEBIBYTE);
    for (let i = 0; i < mebibytes; i++) hash.update(stream.update(zeros));
    digests.set(mebibytes, hash.digest('hex'));
  }
  return digests.get(mebibytes);
}

app.get('/blob/:size', (request, response) => {
  const match = /^([1-9][0-9]{0,2})m$/.exec(request.params.size);
  if (!match) {
    response.status(404).send('a size is a number of mebibytes, such as 100m\n');
    return;
  }
  const mebibytes = Number(match[1]);
  response.set('Content-Type', 'application/octet-stream');
  response.set('Content-Length', String(mebibytes * MEBIBYTE));
  response.set('X-Sha256', digest(mebibytes));
  response.set('X-Server-Id', SERVER_ID);
  const stream = keyStream();
  const zeros = Buffer.alloc(MEBIBYTE);
  let sent = 0;
  const send = () => {
    while (sent < mebibytes) {
      sent++;
      if (!response.write(stream.update(zeros))) {
        response.once('drain', send);
        return;
      }
    }
    response.end();
  };
  send();
});

app.listen(PORT, HOST, 4096, () => {
  console.log(`server ${SERVER_ID} listens on ${HOST}:${PORT}`);
});
