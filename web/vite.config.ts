import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vite";

const GATEWAY = process.env["GATEWAY"] ?? "http://127.0.0.1:8090";
const COMPRESSED = /\.(js|css|html|svg)$/;

/** A .gz beside each file that shrinks, so that the gateway sends it without any work. */
function precompress(): Plugin {
  let folder = "";
  return {
    name: "precompress",
    apply: "build",
    configResolved(config) {
      folder = config.build.outDir;
    },
    closeBundle() {
      for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
        if (COMPRESSED.test(name)) {
          const path = join(folder, name);
          writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }));
        }
      }
    },
  };
}

export default defineConfig({
  base: "/admin/",
  plugins: [react(), precompress()],
  resolve: { alias: { "@": join(import.meta.dirname, "src") } },
  build: {
    outDir: join(import.meta.dirname, "../src/ai_gateway/admin/static"),
    emptyOutDir: true,
    assetsInlineLimit: 0, // a data: address would need a hole in the content security policy
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 600,
  },
  server: {
    proxy: {
      "/admin/api": { target: GATEWAY },
      "/admin/ws": { target: GATEWAY, ws: true },
    },
  },
});
