// The official parsers of AsyncAPI and OpenAPI judge two documents.
// usage: node parsers.mjs ASYNCAPI.json OPENAPI.json; prints what they found as one JSON line.
import { readFile } from "node:fs/promises";
import { Parser } from "@asyncapi/parser";
import SwaggerParser from "@apidevtools/swagger-parser";

const [asyncapi, openapi] = process.argv.slice(2);

const { document, diagnostics } = await new Parser().parse(await readFile(asyncapi, "utf8"));
const found = {
  asyncapi: {
    version: document?.version() ?? null,
    channels: document?.allChannels().length ?? 0,
    operations: document?.allOperations().length ?? 0,
    diagnostics: diagnostics.map(({ code, message, path, severity }) => ({
      code, message, path: path.join("/"), severity,
    })),
  },
};
try {
  const api = await SwaggerParser.validate(openapi);
  found.openapi = { version: api.openapi, paths: Object.keys(api.paths).length, error: null };
} catch (error) {
  found.openapi = { version: null, paths: 0, error: error.message };
}
console.log(JSON.stringify(found));
