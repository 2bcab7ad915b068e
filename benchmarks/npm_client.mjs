// The npm package that records.py compares with, @opendatasoft/api-client, reading concurrently.
//
//     npm install --no-save --prefix benchmarks @opendatasoft/api-client
//
// For every line on standard input, it reads all pages once and prints the number of rows.
// records.py runs this file.

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const { ApiClient, fromCatalog } = createRequire(import.meta.url)('@opendatasoft/api-client');

const [url, total, pageRows, inFlight] = process.argv.slice(2);
const client = new ApiClient({ domain: url });

async function readAll() {
    const pages = [];
    let next = 0;
    async function worker() {
        while (next < Number(total)) {
            const offset = next;
            next += Number(pageRows);
            const query = fromCatalog().dataset('trees').records().limit(Number(pageRows));
            pages[offset / pageRows] = await client.get(query.offset(offset).toString());
        }
    }
    await Promise.all(Array.from({ length: Number(inFlight) }, worker));
    return pages.flatMap((page) => page.results);
}

for await (const _ of createInterface({ input: process.stdin })) {
    console.log((await readAll()).length);
}
