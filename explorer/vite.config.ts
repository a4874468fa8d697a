import { defineConfig } from "vitest/config";

export default defineConfig({
  base: "./",
  build: {
    target: "es2022",
    // The service's policy allows no inline anything: every asset is a file, and no inline loader.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 600,
  },
  server: {
    proxy: Object.fromEntries(
      ["session", "rings", "neighborhood", "members", "cases", "decisions"].map((path) => [
        `/${path}`,
        "http://127.0.0.1:8765",
      ]),
    ),
  },
  test: { include: ["tests/**/*.test.ts"] },
});
