import { execFileSync, spawn } from 'node:child_process'

/** What git printed, and why it failed; `reason` is empty when it did not. */
export interface GitAnswer {
  readonly output: Buffer
  readonly reason: string
}

/** Runs the user's own git in a folder: its keys, its proxies and its configuration count. */
export async function git(
  folder: string,
  args: readonly string[],
  more: { input?: string; onOutput?: (chunk: Buffer) => void } = {},
): Promise<GitAnswer> {
  return new Promise((resolve) => {
    const child = spawn('git', args, { cwd: folder, env: environment(), stdio: 'pipe' })
    const output: Buffer[] = []
    const errors: Buffer[] = []
    child.stdout.on('data', more.onOutput ?? ((chunk: Buffer) => output.push(chunk)))
    child.stderr.on('data', (chunk: Buffer) => errors.push(chunk))
    // It may have ended before it has read everything: its exit code says what there is to say.
    child.stdin.on('error', () => undefined)
    child.on('error', (error) => resolve({ output: nothing, reason: reasonOf(error) }))
    child.on('close', (code) => {
      const said = lastLine(Buffer.concat(errors).toString('utf8'))
      const reason = code === 0 ? '' : said || `git ${args[0]} ended with ${code}`
      resolve({ output: Buffer.concat(output), reason })
    })
    child.stdin.end(more.input ?? '')
  })
}

/** The same at once, for what a description needs to know while it is read. */
export function gitNow(folder: string, args: readonly string[]): GitAnswer {
  try {
    const options = { cwd: folder, env: environment(), maxBuffer: 1 << 28, stdio: 'pipe' } as const
    return { output: execFileSync('git', args, options), reason: '' }
  } catch (error) {
    const said = lastLine(String((error as { stderr?: Buffer }).stderr ?? ''))
    return { output: nothing, reason: said || reasonOf(error as Error) }
  }
}

const nothing = Buffer.alloc(0)

/** Without what a hook of git sets for itself: it would point every git at that one repository. */
function environment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) =>
      !/^GIT_(DIR|WORK_TREE|INDEX_FILE|PREFIX|OBJECT_DIRECTORY|COMMON_DIR|QUARANTINE_PATH|NAMESPACE)$/.test(
        name,
      ),
  )
  return {
    ...Object.fromEntries(own),
    LC_ALL: 'C.UTF-8',
    GIT_TERMINAL_PROMPT: '0',
    GIT_OPTIONAL_LOCKS: '0',
  }
}

function reasonOf(error: Error): string {
  return 'code' in error && error.code === 'ENOENT' ? 'git is not installed here' : error.message
}

function lastLine(text: string): string {
  const found = text.trim().split('\n')
  return (found.find((line) => /^(fatal|error): /.test(line)) ?? found.at(-1) ?? '').trim()
}
