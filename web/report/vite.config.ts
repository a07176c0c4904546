import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

// Where `godwit bench report` puts its JSON: src/bench replaces this text, so it must stand in the page once.
const placeholder = "__GODWIT_DATA__";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

/** Puts scripts and styles into the page itself, which must open from file:// without a second request. */
function oneFile(): Plugin {
  return {
    name: "one-file",
    enforce: "post",
    generateBundle(_, bundle) {
      const page = bundle["index.html"];
      if (page?.type !== "asset") throw new Error("index.html was not built");
      let html = String(page.source);
      for (const [name, part] of Object.entries(bundle)) {
        if (part === page) continue;
        const source = part.type === "chunk" ? part.code : String(part.source);
        const tag = part.type === "chunk" ? "script" : "style";
        const opening = part.type === "chunk" ? '<script type="module">' : "<style>";
        const reference =
          part.type === "chunk"
            ? `<script[^>]* src="[^"]*${name}"></script>`
            : `<link[^>]* href="[^"]*${name}">`;
        if (!new RegExp(reference).test(html))
          throw new Error(`the page does not refer to ${name}`);
        if (source.includes(`</${tag}`)) throw new Error(`${name} would end its own <${tag}>`);
        html = html.replace(new RegExp(reference), () => `${opening}${source.trim()}</${tag}>`);
        delete bundle[name];
      }
      if (html.split(placeholder).length !== 2)
        throw new Error(`${placeholder} must stand in the page exactly once`);
      page.source = html;
      page.fileName = "report.html";
    },
  };
}

export default defineConfig({
  root: path("."),
  logLevel: "warn",
  plugins: [oneFile()],
  build: {
    outDir: path("../../build/web"),
    emptyOutDir: false,
    target: "es2021",
    cssCodeSplit: false,
    modulePreload: false,
    reportCompressedSize: false,
  },
});
