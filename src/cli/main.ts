import { readFileSync } from 'node:fs'
import { Argument, Command, CommanderError, Option } from 'commander'
import { asFettleError, problem } from '../base/errors.ts'
import type { Flags } from './context.ts'
import { exitCodeOf } from './exit-code.ts'
import type { LogFlags } from './logs.ts'
import { errorLines } from './render/error.ts'
import { paintFor } from './render/style.ts'
import { json } from './render/json.ts'

// Each command is loaded only when it is the one that runs.
const program = new Command('fettle')
  .description(
    'Keeps your servers in fine fettle: one typed description, made true over plain SSH.',
  )
  .version(
    (
      JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
        version: string
      }
    ).version,
  )
  .configureOutput({ outputError: () => undefined })
  .showHelpAfterError(false)
  .exitOverride()

command('init', 'write a small, commented, working description here', [])
  .argument('[folder]', 'where to write it', '.')
  .action(async (folder: string, flags: Flags) =>
    exit((await import('./init.ts')).init(folder, flags)),
  )

command('adopt', 'write a description of a server as it is, whose plan is empty', [])
  .argument('<host>', 'as ssh takes it: web1, 203.0.113.10, ada@web1.example.com:2222')
  .option('--folder <folder>', 'where to write it', '.')
  .option('--lab', 'a host of the lab of this folder')
  .option('--timeout <seconds>', 'how long to wait for one answer', wholeNumber, 300)
  .action(async (host: string, flags: Flags & { folder: string }) =>
    exit((await import('./adopt.ts')).adopt(host, flags)),
  )

command('plan', 'show exactly what `up` would change; changes nothing', ['hosts', 'only', 'reach'])
  .option('--full', 'show whole diffs')
  .option('--out <file>', 'write the plan there too, for `fettle up FILE`')
  .addOption(orphans())
  .action(async (flags: Flags) => exit((await import('./plan.ts')).plan(flags)))

command('up', 'make the hosts as described, after showing the plan', ['hosts', 'only', 'reach'])
  .argument('[plan]', 'a file of `fettle plan --out`: apply exactly that, or refuse')
  .option('--yes', 'do not ask')
  .option('--plan-hash <hash>', 'apply only if the plan is still the one with this hash')
  .option('--rolling', 'one host after the other, each out of its balancers while it is changed')
  .option('--max-unavailable <hosts>', 'change at most so many hosts at once', wholeNumber)
  .option('--full', 'show whole diffs')
  .addOption(orphans())
  .option('--take-over', 'end another run that has a host, even in the middle of a step')
  .action(async (file: string | undefined, flags: Flags) =>
    exit((await import('./up.ts')).up(file, flags)),
  )

command('test', 'make throwaway hosts as described, twice, and run your tests on them', [])
  .addOption(
    repeated(
      '--host <name>',
      'these hosts instead of one for each set of roles and apps; repeatable',
    ),
  )
  .option('--parallel <hosts>', 'how many hosts at once', wholeNumber, 20)
  .option('--timeout <seconds>', 'how long to wait for one step', wholeNumber, 1800)
  .argument('[roles...]', 'only these roles')
  .action(async (roles: string[], flags: Flags) =>
    exit((await import('./test.ts')).test(roles, flags)),
  )

command('lock', 'write into fettle.lock the exact versions of packages that `up` installs', [
  'hosts',
  'reach',
])
  .option('--upgrade [names...]', 'take the newest versions of these packages, or of all')
  .option('--security', 'take newer versions only where they correct holes')
  .action(async (flags: Flags) => exit((await import('./lock.ts')).lock(flags)))

command('outdated', 'show for which locked packages there are newer versions', [
  'hosts',
  'reach',
]).action(async (flags: Flags) => exit((await import('./outdated.ts')).outdated(flags)))

command('facts', 'show what is read off the hosts: system, cpus, memory, addresses', [
  'hosts',
  'reach',
]).action(async (flags: Flags) => exit((await import('./facts.ts')).facts(flags)))

command('run', 'run a command on many hosts at once; equal output is shown once', [
  'hosts',
  'reach',
])
  .option('--user <name>', 'run it as this user')
  .argument('<command...>', 'after --: words as for ssh, or one quoted shell line')
  .action(async (words: string[], flags: Flags) =>
    exit((await import('./run.ts')).run(words, flags)),
  )

command('ssh', 'log in to a host', ['reach'])
  .argument('<host>')
  .argument('[command...]', 'after --: run this instead of a shell')
  .action(async (host: string, words: string[], flags: Flags) =>
    exit((await import('./ssh.ts')).ssh(host, words, flags)),
  )

command('log', 'show the ledger: who changed what, and when', ['hosts'])
  .option('-n, --number <runs>', 'how many runs, newest last', wholeNumber, 10)
  .option('--full', 'show every change with its diff')
  .option('--lab', 'the ledger of the lab hosts')
  .action(async (flags: Flags) => exit((await import('./log.ts')).log(flags)))

command('deploy', 'bring a commit of an app to all of its hosts, without losing a request', ['lab'])
  .argument('<app>')
  .argument('[rev]', 'a commit, branch or tag (default: what is checked out)')
  .action(async (app: string, rev: string | undefined, flags: Flags) =>
    exit((await import('./deploy.ts')).deploy(app, rev, flags)),
  )

command('rollback', 'bring back a release that served before', ['lab'])
  .argument('<app>')
  .argument('[release]', 'its name or commit (default: the one before)')
  .action(async (app: string, release: string | undefined, flags: Flags) =>
    exit((await import('./rollback.ts')).rollback(app, release, flags)),
  )

command('releases', 'show which releases of an app served, since when and by whom', ['lab'])
  .argument('<app>')
  .action(async (app: string, flags: Flags) =>
    exit((await import('./releases.ts')).releases(app, flags)),
  )

command('ps', 'show the instances of all apps, or of these', ['lab'])
  .argument('[apps...]')
  .action(async (apps: string[], flags: Flags) => exit((await import('./ps.ts')).ps(apps, flags)))

command('scale', 'run so many instances of an app on each of its hosts', ['lab'])
  .argument('<app>')
  .argument('<counts...>', 'such as web=4 worker=2')
  .action(async (app: string, counts: string[], flags: Flags) =>
    exit((await import('./scale.ts')).scale(app, counts, flags)),
  )

command('restart', 'put new instances of an app in the place of those that run', ['lab'])
  .argument('<app>')
  .action(async (app: string, flags: Flags) =>
    exit((await import('./restart.ts')).restart(app, flags)),
  )

command('maintenance', "answer with an app's maintenance page, or no more", ['lab'])
  .argument('<app>')
  .addArgument(new Argument('<on|off>').choices(['on', 'off']))
  .action(async (app: string, to: 'on' | 'off', flags: Flags) =>
    exit((await import('./maintenance.ts')).maintenance(app, to, flags)),
  )

command('logs', 'show what the instances of an app log, on all of its hosts', ['lab'])
  .argument('<app>')
  .option('-f, --follow', 'go on until Ctrl-C')
  .option('-n, --number <lines>', 'how many of each host', wholeNumber, 50)
  .option('--process <name>', 'only this process')
  .option('--release <name>', 'only this release')
  .action(async (app: string, flags: Flags & LogFlags) =>
    exit((await import('./logs.ts')).logs(app, flags)),
  )

command('exec', 'run a command as an app, in its release and with its environment', ['lab'])
  .argument('<app>')
  .argument('<command...>', 'after --: words, or one quoted shell line')
  .option('--host <name>', 'on this one of its hosts (default: the first)')
  .action(async (app: string, words: string[], flags: Omit<Flags, 'host'> & { host?: string }) =>
    exit((await import('./exec.ts')).exec(app, words, flags)),
  )

const lab = program
  .command('lab')
  .description('throwaway hosts on this machine, booted from the description')
for (const [name, does] of [
  ['up', 'boot the hosts, or those that are named'],
  ['down', 'remove all hosts of this lab'],
  ['list', 'show the hosts, their addresses and whether they run'],
  ['reset', 'put hosts back to bare'],
] as const)
  shared(lab.command(name).description(does), [])
    .argument('[hosts...]')
    .action(async (hosts: string[], flags: Flags) =>
      exit((await import('./lab.ts')).lab(name, hosts, flags)),
    )
shared(lab.command('ssh').description('log in to a lab host'), [])
  .argument('<host>')
  .argument('[command...]', 'after --: run this instead of a shell')
  .action(async (host: string, words: string[], flags: Flags) =>
    exit((await import('./ssh.ts')).ssh(host, words, { ...flags, lab: true })),
  )

const secrets = program
  .command('secrets')
  .description('values that are encrypted in git, beside the description')
secret('set', 'set one: typed, piped in, or as an argument (which shows in the process list)')
  .argument('<name>', 'such as shop.DATABASE_URL: the app shop finds it as DATABASE_URL')
  .argument('[value]')
  .action(async (name: string, value: string | undefined, flags: Flags) =>
    exit((await import('./secrets.ts')).setSecret(name, value, flags)),
  )
secret('edit', 'change them in $EDITOR; what you leave as it is stays as it is in git').action(
  async (flags: Flags) => exit((await import('./secrets.ts')).editSecrets(flags)),
)
secret('get', 'print the value of one')
  .argument('<name>')
  .action(async (name: string, flags: Flags) =>
    exit((await import('./secrets.ts')).getSecret(name, flags)),
  )
secret('list', 'show the names, when they were set, and which are to be set anew').action(
  async (flags: Flags) => exit((await import('./secrets.ts')).listSecrets(flags)),
)
secret('who', 'show who can read what, and your own public key').action(async (flags: Flags) =>
  exit((await import('./secrets.ts')).whoReads(flags)),
)
secret('add', 'encrypt all for one more person or host')
  .argument('<name>')
  .argument('<recipient>', 'age1..., what `fettle secrets who` shows to that person')
  .action(async (name: string, recipient: string, flags: Flags) =>
    exit((await import('./secrets.ts')).addRecipient(name, recipient, flags)),
  )
secret('remove', 'encrypt all anew without one, and list what that one could read')
  .argument('<name>')
  .action(async (name: string, flags: Flags) =>
    exit((await import('./secrets.ts')).removeRecipient(name, flags)),
  )
secret('rotate', 'encrypt all anew for the recipients of now')
  .option('--identity', 'and make a new identity for yourself')
  .action(async (flags: Flags & { identity?: boolean }) =>
    exit((await import('./secrets.ts')).rotateSecrets(flags)),
  )

command('env', 'show what an app finds in its environment, and where each value comes from', [])
  .argument('<app>')
  .action(async (app: string, flags: Flags) => exit((await import('./env.ts')).env(app, flags)))

command('doctor', 'look at what Fettle needs on this machine and on the hosts', [
  'hosts',
  'reach',
]).action(async (flags: Flags) => exit((await import('./doctor.ts')).doctor(flags)))

program
  .command('import')
  .description('write a description from what another tool uses')
  .command('ansible')
  .description('turn a playbook into a description, and list line by line what is left to do')
  .addOption(repeated('-i, --inventory <path>', 'where its hosts are; repeatable'))
  .option('--out <folder>', 'where to write it', 'fettle')
  .option('--json', 'print one JSON document instead of text')
  .argument('<playbook>')
  .action(async (playbook: string, flags: { inventory: string[]; out: string; json?: boolean }) =>
    exit((await import('./import.ts')).importAnsible(playbook, flags)),
  )

type Group = 'hosts' | 'only' | 'reach' | 'lab'

function command(name: string, description: string, groups: readonly Group[]): Command {
  return shared(program.command(name).description(description), groups)
}

function secret(name: string, description: string): Command {
  return shared(secrets.command(name).description(description), [])
}

/** The flags that commands share. */
function shared(made: Command, groups: readonly Group[]): Command {
  made.option('--fleet <path>', 'the description (default: fleet.ts here or in a folder above)')
  made.option('--json', 'print one JSON document instead of text')
  if (groups.includes('hosts'))
    made
      .addOption(
        repeated(
          '--host <name>',
          'only these hosts: a name, a pattern (web*), a label (zone=a); repeatable',
        ),
      )
      .addOption(repeated('--role <name>', 'only hosts of these roles; repeatable'))
  if (groups.includes('only'))
    made.addOption(
      repeated(
        '--only <resource>',
        'only these resources: an id, a kind, a pattern (file:/etc/*); repeatable',
      ),
    )
  if (groups.includes('lab'))
    made.option('--lab', 'talk to the lab hosts of this description instead of the real ones')
  if (groups.includes('reach'))
    made
      .option('--lab', 'talk to the lab hosts of this description instead of the real ones')
      .option('--parallel <hosts>', 'how many hosts at once', wholeNumber, 20)
      .option(
        '--timeout <seconds>',
        'how long to wait for one answer (reading: 60 s at most)',
        wholeNumber,
        1800,
      )
  return made
}

function repeated(flags: string, description: string): Option {
  const add = (value: string, all: string[]): string[] => [...all, value]
  return new Option(flags, description).argParser(add).default([], 'all')
}

function orphans(): Option {
  return new Option('--orphans <wish>', 'what left the description: show it, remove it, or keep it')
    .choices(['list', 'remove', 'keep'])
    .default('list')
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text))
    throw problem('usage', {
      problem: `${text} is not a whole number of 1 or more.`,
      next: 'Write a number such as 5.',
    })
  return Number(text)
}

async function exit(code: Promise<number>): Promise<void> {
  process.exitCode = await code
}

// Whoever reads this may have seen enough, as in `fettle plan | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

program.parseAsync().catch((thrown: unknown) => {
  process.exitCode = report(thrown)
})

function report(thrown: unknown): number {
  if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0
  const error =
    thrown instanceof CommanderError
      ? problem('usage', {
          problem: thrown.message.replace(/^error: /, ''),
          next: '`fettle --help` and `fettle COMMAND --help` say what there is.',
        })
      : asFettleError(thrown)
  if (process.argv.includes('--json'))
    process.stdout.write(`${json({ version: 1, type: 'error', error })}\n`)
  else process.stderr.write(`${errorLines(error, paintFor(process.stderr)).join('\n')}\n`)
  return exitCodeOf(error)
}
