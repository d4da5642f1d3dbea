import { join } from "node:path";

import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { alias: { "@": join(import.meta.dirname, "src") } },
  test: {
    environment: "node", // those that need a page say so
    environmentOptions: { happyDOM: { url: "http://gateway.test/admin/" } },
    include: ["test/**/*.test.{ts,tsx}"],
    pool: "threads",
    maxWorkers: 1,
    isolate: false, // half of the time goes to loading the same components for each file
  },
});
