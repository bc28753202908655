"""An app that ends gracefully: quick and slow answers, uploads and WebSockets. Each names its release."""

import asyncio
import base64
import hashlib
import os
import signal

RELEASE = open('release').read().strip()
INSTANCE = '%s:%s:%d' % (os.environ['HOST'], os.environ['PORT'], os.getpid())
SLOW = 5.0
# Long enough for those that wait for a slow answer, shorter than the time that systemd gives.
GRACE = 9.0

connections = set()
ending = False


def body_of(size):
    return (RELEASE * (size // len(RELEASE) + 1))[:size].encode()


def answer(body, status='200 OK', close=False):
    head = 'HTTP/1.1 %s\r\nContent-Length: %d\r\nX-Release: %s\r\nX-Instance: %s\r\nX-Hash: %s\r\n%s\r\n' % (
        status, len(body), RELEASE, INSTANCE, hashlib.sha1(body).hexdigest(),
        'Connection: close\r\n' if close else '')
    return head.encode() + body


FAST = body_of(1024)
LONG = body_of(65536)
ready = {close: {path: answer(body, close=close) for path, body in
                 [('/fast', FAST), ('/slow/late', LONG), ('/slow/drip', LONG), ('/health', b'ok')]}
         for close in (False, True)}


class Connection(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.buffer = b''
        self.busy = False
        self.closing = False
        self.upload = None
        self.socket = False
        connections.add(self)

    def connection_lost(self, error):
        connections.discard(self)

    def data_received(self, data):
        if self.socket:
            self.buffer += data
            self.frames()
        elif self.upload:
            self.more(data)
        else:
            self.buffer += data
            end = self.buffer.find(b'\r\n\r\n')
            if end >= 0:
                head, rest = self.buffer[:end], self.buffer[end + 4:]
                self.buffer = b''
                self.request(head.decode('latin1'), rest)

    def request(self, head, rest):
        first, *lines = head.split('\r\n')
        path = first.split(' ')[1]
        fields = dict((name.lower(), value.strip()) for name, _, value in (line.partition(':') for line in lines))
        self.busy = True
        self.closing = ending or fields.get('connection', '').lower() == 'close'
        if path.startswith('/slow/'):
            whole = ready[self.closing][path]
            sent = len(whole) - len(LONG) + 20000 if path == '/slow/drip' else 0
            self.transport.write(whole[:sent])
            asyncio.get_running_loop().call_later(SLOW, self.done, whole[sent:])
        elif path == '/upload':
            self.upload = [int(fields['content-length']), hashlib.sha1()]
            self.more(rest)
        elif path == '/socket':
            self.upgrade(fields['sec-websocket-key'], rest)
        elif path in ready[True]:
            self.done(ready[self.closing][path])
        else:
            self.done(answer(b'', '404 Not Found', self.closing))

    def more(self, data):
        self.upload[0] -= len(data)
        self.upload[1].update(data)
        if self.upload[0] <= 0:
            body = self.upload[1].hexdigest().encode()
            self.upload = None
            self.done(answer(body, close=self.closing))

    def done(self, data):
        self.transport.write(data)
        self.busy = False
        if self.closing or ending:
            self.transport.close()

    def upgrade(self, key, rest):
        accept = hashlib.sha1((key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').encode()).digest()
        self.socket = True
        self.transport.write(('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
                              'X-Release: %s\r\nX-Instance: %s\r\nSec-WebSocket-Accept: %s\r\n\r\n'
                              % (RELEASE, INSTANCE, base64.b64encode(accept).decode())).encode())
        if ending:
            self.end()
        if rest:
            self.data_received(rest)

    def frames(self):
        while len(self.buffer) >= 6 and len(self.buffer) >= 6 + (self.buffer[1] & 127):
            code, size = self.buffer[0] & 15, self.buffer[1] & 127
            mask, text = self.buffer[2:6], self.buffer[6:6 + size]
            self.buffer = self.buffer[6 + size:]
            text = bytes(byte ^ mask[i % 4] for i, byte in enumerate(text))
            if code == 8:
                if self.busy:  # Not an answer to a close of our own.
                    self.transport.write(bytes([0x88, len(text)]) + text)
                self.transport.close()
            else:
                text = RELEASE.encode() + b' ' + text
                self.transport.write(bytes([0x81, len(text)]) + text)

    def end(self):
        if self.socket:
            self.busy = False
            self.transport.write(b'\x88\x02\x03\xe9')  # 1001: going away
        elif not self.busy and not self.buffer:
            self.transport.close()


async def main():
    global ending
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, os.environ['HOST'], int(os.environ['PORT']), backlog=1024)
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    ending = True
    server.close()
    for each in list(connections):
        each.end()
    until = loop.time() + GRACE
    while connections and loop.time() < until:
        await asyncio.sleep(0.05)


asyncio.run(main())
