import { cpus, release } from "node:os";
import { benchBystander } from "./bystander.ts";
import { type Figure, printJson, printTable } from "./figures.ts";
import { benchHeal } from "./heal.ts";
import { benchLatency } from "./latency.ts";
import { benchOutput } from "./output.ts";
import { benchSize } from "./size.ts";
import { benchStart } from "./start.ts";
import { benchTalk } from "./talk.ts";

const GROUPS: Readonly<Record<string, () => Promise<Figure[]>>> = {
  start: benchStart,
  output: benchOutput,
  latency: benchLatency,
  bystander: benchBystander,
  size: benchSize,
  talk: benchTalk,
  heal: benchHeal,
};

export async function main(wanted: readonly string[]): Promise<void> {
  const unknown = wanted.filter((name) => !(name in GROUPS));
  if (unknown.length > 0)
    throw new Error(`no such group: ${unknown.join(", ")}; there are ${Object.keys(GROUPS).join(", ")}`);
  // Reading a bundle of certificates at each start of Node would be measured with everything else.
  delete process.env.NODE_EXTRA_CA_CERTS;
  console.log(`Node ${process.version}, ${cpus().length} cores, Linux ${release()}`);
  const figures: Figure[] = [];
  for (const [name, bench] of Object.entries(GROUPS)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    console.log(`measuring: ${name}`);
    // A table for each group as it comes: a later one that fails takes nothing with it.
    const measured = await bench();
    printTable(measured);
    figures.push(...measured);
  }
  printJson(figures);
}
