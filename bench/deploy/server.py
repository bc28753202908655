"""The smallest app that answers: what is measured is the deploy, not how long an app takes to start."""

import os
import socket

server = socket.create_server((os.environ['HOST'], int(os.environ['PORT'])), backlog=64)
while True:
    peer, _ = server.accept()
    peer.recv(65536)
    peer.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n')
    peer.close()
