/** Figures with their limits, measured in the same run, as a table for people and JSON for machines. */

export interface Figure {
  readonly name: string;
  readonly measured: number;
  readonly unit: string;
  /** What the figure must stay below or above; absent for one that is only reported. */
  readonly limit?: { readonly atMost: number } | { readonly atLeast: number };
  /** What the limit was told from, or what else one should know. */
  readonly note: string;
}

function holds(figure: Figure): boolean {
  if (figure.limit === undefined) return true;
  return "atMost" in figure.limit ? figure.measured <= figure.limit.atMost : figure.measured >= figure.limit.atLeast;
}

export function printTable(figures: readonly Figure[]): void {
  const rows = figures.map((figure) => [
    figure.limit === undefined ? "    " : holds(figure) ? "ok  " : "MISS",
    figure.name,
    `${round(figure.measured)} ${figure.unit}`,
    figure.limit === undefined
      ? "reported"
      : "atMost" in figure.limit
        ? `<= ${round(figure.limit.atMost)}`
        : `>= ${round(figure.limit.atLeast)}`,
    figure.note,
  ]);
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  for (const row of rows)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    );
}

export function printJson(figures: readonly Figure[]): void {
  console.log(JSON.stringify({ figures: figures.map((figure) => ({ ...figure, holds: holds(figure) })) }));
}

function round(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
