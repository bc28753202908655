import type { TestHost } from './fixture.ts'

/** Serves files with nothing but what is part of every Debian. */
const server = `use IO::Socket::INET; $SIG{CHLD} = "IGNORE";
my $s = IO::Socket::INET->new(LocalAddr => "127.0.0.1:8000", Listen => 20, ReuseAddr => 1) or die;
while (1) {
  my $c = $s->accept or next;
  next if fork;
  my ($path) = <$c> =~ m{^GET (/[^ ?]*)} or exit; while (<$c> =~ /[^\\r\\n]/) {}
  $path =~ s/%([0-9a-fA-F]{2})/chr hex $1/ge;
  $path .= "/index.html" if -d "/srv/www$path";
  my $type = $path =~ /html$/ ? "text/html" : $path =~ /json$/ ? "application/json" : "application/octet-stream";
  open my $f, "<", "/srv/www$path" or do { print $c "HTTP/1.1 404 Not Found\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n"; exit };
  my $size = -s $f;
  print $c "HTTP/1.1 200 OK\\r\\nContent-Type: $type\\r\\nContent-Length: $size\\r\\nConnection: close\\r\\n\\r\\n", <$f>;
  exit;
}`

export const web = 'http://127.0.0.1:8000'

/** Whatever is in /srv/www of the host can be had from `web` on that host. */
export async function serve(host: TestHost): Promise<void> {
  const { code, output } = await host.exec(
    `mkdir -p /srv/www && cat >/srv/server.pl && systemd-run -q --unit=web perl /srv/server.pl &&
for i in $(seq 100); do grep -q ' 0100007F:1F40 ' /proc/net/tcp && exit; sleep 0.1; done; exit 1`,
    server,
  )
  if (code !== 0) throw new Error(`no web server: ${output}`)
}
