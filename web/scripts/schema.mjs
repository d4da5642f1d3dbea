// Writes src/api/schema.ts from openapi.json; with --check, says whether it is up to date.
import { readFileSync, writeFileSync } from "node:fs";

import openapiTS, { astToString } from "openapi-typescript";

const source = new URL("../openapi.json", import.meta.url);
const target = new URL("../src/api/schema.ts", import.meta.url);
const banner = "// Written by `npm run schema` from openapi.json. Do not edit.\n\n";

const text = banner + astToString(await openapiTS(readFileSync(source, "utf8"), { defaultNonNullable: false }));
if (!process.argv.includes("--check")) {
  writeFileSync(target, text);
} else if (readFileSync(target, "utf8") !== text) {
  console.error("src/api/schema.ts is not what openapi.json says: run `npm run schema`");
  process.exit(1);
}
