import { expect, test } from 'vitest'
import { killMode, scriptOf } from './script.ts'

test.each([
  ['node server.js', 'exec node server.js', 'mixed'],
  ['gunicorn --bind "$HOST:$PORT" wsgi', 'exec gunicorn --bind "$HOST:$PORT" wsgi', 'mixed'],
  ['exec node server.js', 'exec node server.js', 'mixed'],
  ['A=1 node server.js', 'A=1 node server.js', 'control-group'],
  ['./migrate && node server.js', './migrate && node server.js', 'control-group'],
  ['./migrate && exec node server.js', './migrate && exec node server.js', 'mixed'],
  ["trap 'kill $!' TERM; server & wait", "trap 'kill $!' TERM; server & wait", 'mixed'],
  ['echo $(date)', 'echo $(date)', 'control-group'],
])('%s', (command, script, mode) => {
  expect([scriptOf(command), killMode(command)]).toEqual([script, mode])
})
