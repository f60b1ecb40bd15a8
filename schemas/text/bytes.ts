/** Amounts of memory and disk for people: `0 B`, `512 B`, `12.3 MiB`. */
const UNITS = ["KiB", "MiB", "GiB", "TiB"] as const;

export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  let value = bytes;
  let unit = "B";
  for (const next of UNITS) {
    if (value < 1024) break;
    value /= 1024;
    unit = next;
  }
  return `${value.toFixed(value < 100 ? 1 : 0)} ${unit}`;
}
