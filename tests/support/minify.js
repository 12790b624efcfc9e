// Reads scripts by name from standard input, as JSON, and writes them minified by the terser whose file is named.
const fs = require("node:fs");
const vm = require("node:vm");

// The bundle is for browsers and wants a library for source maps, which nobody asks for here.
const page = vm.createContext({ sourceMap: {} });
vm.runInContext(fs.readFileSync(process.argv[2], "utf8"), page);

const options = {
  ecma: 2020,
  // Each script is an expression: a function, called or yet to be called.
  compress: { passes: 3, expression: true },
  format: { ascii_only: true },
};

(async () => {
  const sent = {};
  for (const [name, script] of Object.entries(JSON.parse(fs.readFileSync(0, "utf8")))) {
    sent[name] = (await page.Terser.minify(script, options)).code.replace(/;$/, "");
  }
  process.stdout.write(JSON.stringify(sent));
})();
