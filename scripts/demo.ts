// `npm run demo`: three bare Debian hosts become web servers, in front of your eyes.
import { execFile, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify, styleText } from 'node:util'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const folder = join(root, 'demo')
const main = join(root, 'dist', 'cli', 'main.js')
const begun = performance.now()

say('Three bare Debian hosts, booted here as containers with systemd and sshd.')
prepare()
await fettle('lab', 'up')
await fettle('lab', 'reset')

say('What the description in demo/fleet.ts would change on them:')
await fettle('plan', '--lab')

say('Apply exactly that plan:')
await fettle('up', '--lab', '--plan-hash', await planHash())
await fetchPages()

say('Edit one line of the description:')
edit("greeting: 'Hello'", "greeting: 'Good morning'")
await fettle('up', '--lab', '--yes')
await fetchPages()

say('And once more:')
const again = performance.now()
await fettle('up', '--lab', '--yes')
const seconds = ((performance.now() - again) / 1000).toFixed(2)

say(
  `That took ${seconds} s; all of it ${((performance.now() - begun) / 1000).toFixed(0)} s. The lab is still up. Look around:`,
)
console.log(`  cd ${relative(process.cwd(), folder) || '.'}
  npx fettle ssh web1 --lab               log in to a host
  npx fettle run --lab -- uptime          a command on all of them
  npx fettle log --lab --full             who changed what, and when
  $EDITOR fleet.ts; npx fettle up --lab   change something yourself
  npx fettle lab down                     take the hosts away
`)

/** A description of the user's own, to edit: what an earlier demo left is written over. */
function prepare(): void {
  mkdirSync(folder, { recursive: true })
  cpSync(join(root, 'examples', 'web'), folder, { recursive: true })
}

function edit(before: string, after: string): void {
  const file = join(folder, 'fleet.ts')
  const text = readFileSync(file, 'utf8')
  if (!text.includes(before)) throw new Error(`${file} does not hold ${before}`)
  writeFileSync(file, text.replace(before, after))
  console.log(styleText('red', `  - ${before}`))
  console.log(styleText('green', `  + ${after}`))
  console.log()
}

async function planHash(): Promise<string> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [main, 'plan', '--lab', '--json'],
    {
      cwd: folder,
    },
  )
  return (JSON.parse(stdout) as { hash: string }).hash
}

/** Asks each host for its page, at the address that the lab says it has. */
async function fetchPages(): Promise<void> {
  const { stdout } = await promisify(execFile)(process.execPath, [main, 'lab', 'list', '--json'], {
    cwd: folder,
  })
  const { hosts } = JSON.parse(stdout) as { hosts: { address: string }[] }
  console.log()
  for (const { address } of hosts) {
    const page = await (await fetch(`http://${address}/`)).text()
    console.log(styleText('dim', `$ curl http://${address}/`))
    console.log(`  ${/<h1>(.*)<\/h1>/.exec(page)?.[1] ?? page}`)
  }
}

function say(text: string): void {
  console.log(`\n${styleText(['bold', 'inverse'], ' demo ')} ${styleText('bold', text)}\n`)
}

/** Runs the command line that this checkout builds; its output goes where ours goes. */
async function fettle(...words: string[]): Promise<void> {
  if (!existsSync(main)) throw new Error('Run `npm install` first: it builds dist/.')
  console.log(styleText('dim', `$ fettle ${words.join(' ')}`))
  const child = spawn(process.execPath, [main, ...words], { cwd: folder, stdio: 'inherit' })
  const code = await new Promise<number | null>((resolve) => child.on('exit', resolve))
  if (code !== 0) process.exit(code ?? 1)
}
