// Runs every vector, and stops with exit code 1 at the first that fails: mutants.js asks.
import { NAMES, load, runCase } from "../test/cases.js";

// Those that are named first come first.
for (const name of new Set([...process.argv.slice(2), ...NAMES])) {
  const content = load(name);
  for (const vector of content.cases) {
    try {
      runCase(name, vector, content);
    } catch {
      console.log(vector.id);
      process.exit(1);
    }
  }
}
