import type { TestHost } from './fixture.ts'

/** Podman may pull from a port of the host itself without TLS. */
export const trustOwnRegistry = `set -e
mkdir -p /etc/containers
printf '[[registry]]\\nlocation = "localhost:5000"\\ninsecure = true\\n' > /etc/containers/registries.conf
`

/** As much of a registry on port 5000 as a pull asks for: of one image, in /t/dir. */
const registry = `import http.server, os, json
class Registry(http.server.BaseHTTPRequestHandler):
  def do_HEAD(self): self.do_GET()
  def do_GET(self):
    part = self.path.rsplit('/', 1)[1]
    path = '/t/dir/manifest.json' if '/manifests/' in self.path else '/t/dir/' + part.replace('sha256:', '')
    body = b'{}' if self.path == '/v2/' else open(path, 'rb').read() if os.path.exists(path) else None
    self.send_response(404 if body is None else 200)
    body = body or b''
    if '/manifests/' in self.path and body: self.send_header('Content-Type', json.loads(body).get('mediaType', 'application/vnd.oci.image.manifest.v1+json'))
    self.send_header('Content-Length', str(len(body)))
    self.end_headers()
    if self.command == 'GET': self.wfile.write(body)
http.server.ThreadingHTTPServer(('0.0.0.0', 5000), Registry).serve_forever()
`

/** Serves an image that the host has from its port 5000, under any name. */
export async function serveImage(host: TestHost, image: string): Promise<void> {
  const { code, output } = await host.exec(
    `set -e; mkdir -p /t; cat > /t/registry.py; podman push -q --format oci ${image} dir:/t/dir
systemctl is-active -q registry || systemd-run -q --unit registry python3 /t/registry.py; sleep 1`,
    registry,
  )
  if (code !== 0) throw new Error(output)
}
