import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { liveSlots } from '../../src/balancer/slots.ts'
import type { TestHost } from '../lab/fixture.ts'
import { type Ended, Folder, type Started } from './cli.ts'

/** What one commit of the shop does: `mode` is a line of `MODE [NUMBER]`. */
export interface Version {
  readonly label: string
  readonly mode?: string
  /** Lines of a Procfile below that of `web`. */
  readonly processes?: string
  /** A line for a shell. */
  readonly build?: string
}

/** Every Debian has this much of Perl. A connection is a process of its own. */
const server = `use strict;
use IO::Socket::INET;
open my $file, '<', 'mode' or die;
my ($label, $mode, $number) = split ' ', <$file>;
die "there is no configuration\\n" if $mode eq 'no-start';
$SIG{TERM} = 'IGNORE' if $mode =~ /deaf/;
$SIG{CHLD} = 'IGNORE';
sleep $number if $mode =~ /late/;
my $socket = IO::Socket::INET->new(LocalAddr => $ENV{HOST}, LocalPort => $ENV{PORT}, Listen => 128, ReuseAddr => 1) or die "cannot listen: $!\\n";
my @hog;
$SIG{ALRM} = sub {
  if ($mode eq 'dies') { print STDERR "out of luck\\n"; exit 4 }
  # A lab may not be allowed to limit memory: then it is killed as the kernel would.
  if (@hog > $number) { kill 'KILL', $$ }
  push @hog, 'x' x 30_000_000;
  alarm 1;
};
alarm $number if $mode eq 'dies';
alarm 1 if $mode eq 'leaks';
while (1) {
  my $client = $socket->accept or next;
  my $child = fork;
  if ($child) { close $client; next }
  close $socket;
  $SIG{ALRM} = 'DEFAULT';
  my $request = <$client>;
  while (my $row = <$client>) { last if $row =~ /^\\r?\\n$/ }
  my ($path) = $request =~ /^\\S+ (\\S+)/;
  my $status = '200 OK';
  if ($path ne '/health') {
    sleep 600 if $mode eq 'hangs';
    $status = '500 Oh No' if $mode eq 'fails';
    sleep 2 if $path =~ /slow/;
  }
  print $client "HTTP/1.1 $status\\r\\nContent-Length: " . length("$label\\n") . "\\r\\nConnection: close\\r\\n\\r\\n$label\\n";
  exit 0;
}
`

/** A host as far as the shop changes it. */
export interface Standing {
  readonly units: readonly string[]
  readonly links: readonly string[]
  readonly templates: readonly string[]
  readonly releases: readonly string[]
  readonly trees: readonly string[]
  /** Files of what the host knows of the app: `lease` and `next` are there during a rollout only. */
  readonly notes: readonly string[]
  /** The release that the host says it serves. */
  readonly serves: string
  /** Ports on which something answers. */
  readonly ports: readonly number[]
}

export const port = 12_000

/** A shop on the first hosts, and a balancer on the last one. */
export class Shop {
  readonly folder: Folder
  readonly hosts: readonly TestHost[]

  constructor(hosts: readonly TestHost[], options: string, more = '') {
    this.hosts = hosts
    this.folder = new Folder(hosts).write('fleet.ts', fleetOf(hosts, options, more))
    mkdirSync(this.#app)
    this.git('init', '--quiet', '--initial-branch=main')
  }

  get web(): readonly TestHost[] {
    return this.hosts.slice(0, -1)
  }

  get balancer(): TestHost {
    return this.hosts.at(-1)!
  }

  get #app(): string {
    return join(this.folder.path, 'app')
  }

  git(...words: readonly string[]): string {
    const who = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.com']
    return execFileSync('git', [...who, ...words], { cwd: this.#app, encoding: 'utf8' })
  }

  /** Commits a version; gives its commit. */
  commit({ label, mode = 'good', processes = '', build = 'true' }: Version): string {
    const files = { mode: `${label} ${mode}\n`, 'server.pl': server, build: `${build}\n` }
    for (const [name, content] of Object.entries(files))
      writeFileSync(join(this.#app, name), content)
    writeFileSync(join(this.#app, 'Procfile'), `web: perl server.pl\n${processes}`)
    this.git('add', '--all')
    this.git('commit', '--quiet', '--allow-empty', '-m', label)
    return this.git('rev-parse', 'HEAD').trim()
  }

  start(...words: readonly string[]): Started {
    return this.folder.start([words[0]!, '--lab', ...words.slice(1)])
  }

  fettle(...words: readonly string[]): Promise<Ended> {
    return this.start(...words).ended
  }

  /** Commits a version and delivers it. */
  deploy(version: Version): Promise<Ended> {
    this.commit(version)
    return this.fettle('deploy', 'shop')
  }

  /** How the web hosts stand, and which slots take traffic. */
  async standing(): Promise<{ hosts: Standing[]; live: Record<string, readonly number[]> }> {
    const [cfg, ...outputs] = await Promise.all([
      this.balancer.exec('cat /etc/haproxy/haproxy.cfg'),
      ...this.web.map((host) => host.exec(look)),
    ])
    return {
      hosts: outputs.map(({ output }) => standingOf(output)),
      live: Object.fromEntries(liveSlots(cfg.output).get('shop') ?? []),
    }
  }
}

function fleetOf(hosts: readonly TestHost[], options: string, more: string): string {
  const names = hosts.map(({ name }) => name)
  const last = names.pop()!
  const web = names.map((name) => `'${name}'`).join(', ')
  return `import { app, balancer, fleet, role } from 'fettle'
export default fleet({
  hosts: { ${[...names, last].map((name) => `${name}: {}`).join(', ')} },
  roles: [role('balancer', (host) => balancer(host)).on('${last}')],
  apps: [
    app('shop', {
      source: './app', domains: 'shop.test', port: ${port}, build: { command: 'sh ./build' },
      ${options}
    }).on(${web}),
    ${more.replaceAll('WEB', web)}
  ],
})
`
}

const look = `units() { systemctl list-units --all --no-legend --plain 'shop.*@*.service' | while read -r unit load active rest; do [ "$active" = inactive ] || echo "$1 $unit $active"; done; }
units unit
ls /etc/systemd/system/multi-user.target.wants | sed -n 's/^shop\\./link shop./p'
ls /etc/systemd/system | sed -n 's/^shop\\./template shop./p'
ls -A /srv/shop/releases | sed 's/^/release /'
ls -A /srv/shop/trees | sed 's/^/tree /'
ls -A /var/lib/fettle/apps/shop | sed 's/^/note /'
sed -n 's/.*"release":"\\([^"]*\\)".*/serves \\1/p' /var/lib/fettle/apps/shop/current
cat /proc/net/tcp | while read -r at own peer state rest; do [ "$state" != 0A ] || echo "port $((0x\${own##*:}))"; done
true`

function standingOf(output: string): Standing {
  const rows = output.split('\n')
  const all = (word: string): string[] =>
    rows.flatMap((row) => (row.startsWith(`${word} `) ? [row.slice(word.length + 1)] : [])).sort()
  return {
    units: all('unit'),
    links: all('link'),
    templates: all('template'),
    releases: all('release'),
    trees: all('tree'),
    notes: all('note'),
    serves: all('serves').join(' '),
    ports: all('port')
      .map(Number)
      .filter((each) => each >= port && each < port + 100),
  }
}
