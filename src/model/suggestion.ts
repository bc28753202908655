/** The known name that is nearest to a mistaken one, or all of them: what to write instead. */
export function closest(name: string, known: readonly string[]): string {
  if (known.length === 0) return 'a name that is defined (there are none yet)'
  const ranked = known
    .map((each) => ({ each, away: distance(name.toLowerCase(), each.toLowerCase()) }))
    .sort((a, b) => a.away - b.away)
  const best = ranked[0]!
  if (best.away <= Math.max(2, Math.floor(name.length / 3))) return best.each
  return known.length > 12
    ? `one of ${known.slice(0, 12).join(', ')}, ...`
    : `one of ${known.join(', ')}`
}

/** Levenshtein's edit distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(
        row[j]! + 1,
        next[j - 1]! + 1,
        row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1),
      )
    row = next
  }
  return row[b.length]!
}
