import type { TestHost } from './fixture.ts'

/**
 * An instance of an app, with nothing but what is part of every Debian: it says its port and what it was
 * asked, is sick while /run/sick-PORT is there, and echoes a WebSocket's bytes,
 * where its key is that of RFC 6455's example.
 */
const server = `use IO::Socket::INET; $SIG{CHLD} = "IGNORE"; my $port = shift;
my $s = IO::Socket::INET->new(LocalAddr => "0.0.0.0:$port", Listen => 100, ReuseAddr => 1) or die;
while (1) {
  my $c = $s->accept or next;
  next if fork;
  my $head = ""; while (my $l = <$c>) { $head .= $l; last if $l =~ /^\\r?$/ }
  if ($head =~ /^upgrade: websocket/im) {
    print $c "HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\\r\\n\\r\\n"; $c->flush;
    while (sysread $c, my $b, 1000) { syswrite $c, "echo $b" }
    exit;
  }
  select undef, undef, undef, $1 if $head =~ m{^\\w+ /slow/([0-9.]+)};
  my $status = -e "/run/sick-$port" ? "500 Sick" : "200 OK";
  my $body = "port $port\\n$head"; $body .= "x" x 5000 if $head =~ m{^GET /long};
  print $c "HTTP/1.1 $status\\r\\nContent-Type: text/plain\\r\\nContent-Length: " . length($body) . "\\r\\n\\r\\n$body";
  exit;
}`

export async function runInstances(host: TestHost, ...ports: readonly number[]): Promise<void> {
  const { code, output } = await host.exec(
    `cat >/root/instance.pl
for port in ${ports.join(' ')}; do systemd-run -q --unit=instance-$port perl /root/instance.pl $port || exit 1; done
for port in ${ports.join(' ')}; do
  for i in $(seq 100); do ss -Hltn "sport = :$port" | grep -q . && break; sleep 0.1; done
done`,
    server,
  )
  if (code !== 0) throw new Error(`no instance: ${output}`)
}
