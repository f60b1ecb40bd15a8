/** The word that somebody who mistyped most likely meant. */

/** Further apart than this share of its length, a word is another word. */
const FURTHEST_SHARE = 0.4;

export function nearest(text: string, words: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.floor(text.length * FURTHEST_SHARE) + 1;
  for (const word of words) {
    const distance = editDistance(text, word);
    if (distance < bestDistance) {
      best = word;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein's distance: insertions, deletions and replacements. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
