import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { styleText } from 'node:util'
import { Requests, ask } from './requests.ts'
import { addresses, edit, fettle, fettleEnds, root, say } from './stage.ts'

const apps = ['storefront', 'api', 'help']

/** The hosts of the shop, made ready for its apps. */
export function prepareShop(folder: string): void {
  mkdirSync(folder, { recursive: true })
  for (const app of apps) rmSync(join(folder, app), { recursive: true, force: true })
  cpSync(join(root, 'examples', 'shop'), folder, { recursive: true })
  for (const app of apps) {
    git(join(folder, app), 'init', '--quiet')
    commit(join(folder, app), 'The first release')
  }
}

/** Three apps behind a balancer; a new release under load, and a broken one that goes back by itself. */
export async function shop(folder: string): Promise<void> {
  say('A shop of three apps, each in a git repository of its own, on two domains behind HAProxy.')
  prepareShop(folder)
  await fettle(folder, 'lab', 'up')
  await fettle(folder, 'lab', 'reset')
  await fettle(folder, 'up', '--lab', '--yes')
  for (const app of apps) await fettle(folder, 'deploy', app, '--lab')
  const edge = (await addresses(folder)).get('edge1')!
  for (const domain of ['shop.test', 'api.shop.test', 'help.test']) await show(edge, domain)

  const file = join(folder, 'storefront', 'wsgi.py')
  say('A new release, while the shop is asked all the time:')
  edit(file, 'GREETING = "Welcome"', 'GREETING = "Good morning, and welcome"')
  commit(join(folder, 'storefront'), 'A warmer greeting')
  const requests = new Requests(edge, 'shop.test', 8)
  await fettle(folder, 'deploy', 'storefront', '--lab')
  await count(requests)

  say('A broken one. It goes back by itself, and nobody who asks meanwhile sees it:')
  edit(file, 'import os', 'import os\nimport not_there')
  commit(join(folder, 'storefront'), 'A dependency that nobody installed')
  const meanwhile = new Requests(edge, 'shop.test', 8)
  const code = await fettleEnds(folder, 'deploy', 'storefront', '--lab')
  if (code === 0) throw new Error('The broken release was taken for a good one.')
  console.log(styleText('dim', `(exit code ${code})`))
  await count(meanwhile)
  await fettle(folder, 'releases', 'storefront', '--lab')
}

/** Says what came of them; that one failed is an end of the demo. */
async function count(requests: Requests): Promise<void> {
  await requests.end()
  const { answers, failures } = requests
  const all = [...answers.values()].reduce((sum, each) => sum + each, failures.length)
  console.log(`\n${all} requests meanwhile, ${failures.length} failed; answered by:`)
  for (const [release, number] of answers) console.log(`  ${release}  ${number}`)
  if (failures.length > 0) throw new Error(`For example: ${failures[0]}`)
}

async function show(address: string, domain: string): Promise<void> {
  console.log(styleText('dim', `$ curl -H 'Host: ${domain}' http://${address}/`))
  const { text } = await ask(address, domain)
  console.log(text.trim().replace(/^/gm, '  '))
}

function commit(folder: string, message: string): void {
  git(folder, 'add', '--all')
  const who = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.test']
  git(folder, ...who, 'commit', '--quiet', '--message', message)
}

function git(folder: string, ...words: string[]): void {
  execFileSync('git', ['-C', folder, ...words], { stdio: ['ignore', 'ignore', 'inherit'] })
}
