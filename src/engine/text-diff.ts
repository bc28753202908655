import { holdsSecret, redact } from '../base/secret.ts'
import type { Difference } from '../model/kind.ts'

/**
 * A difference's texts as a unified diff without file headers. Where the new text holds secrets,
 * old lines that are not in it too are hidden: they may hold the secret's earlier value.
 */
export async function textDiff(difference: Difference): Promise<string | undefined> {
  if (!difference.text) return undefined
  // Loaded only here: a run that changes nothing does without.
  const { structuredPatch } = await import('diff')
  const after = redact(difference.text.after)
  const before = holdsSecret(difference.text.after)
    ? hideOld(difference.text.before, after)
    : redact(difference.text.before)
  if (before === after) return undefined
  const { hunks } = structuredPatch('', '', before, after, '', '', { context: 2 })
  return hunks
    .map(({ oldStart, oldLines, newStart, newLines, lines }) =>
      [`@@ -${oldStart},${oldLines} +${newStart},${newLines} @@`, ...lines].join('\n'),
    )
    .join('\n')
}

function hideOld(before: string, after: string): string {
  const kept = new Set(after.split('\n'))
  return redact(before)
    .split('\n')
    .map((line) => (kept.has(line) ? line : '«hidden: this holds secrets»'))
    .join('\n')
}
