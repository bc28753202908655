import type { Runtime } from './runtime.ts'

/** Recognised, so that an app with a Dockerfile is not taken for something else; not delivered yet. */
export const container: Runtime = {
  name: 'container',
  recognises: (files) => ['Dockerfile', 'Containerfile'].some((each) => files.paths.includes(each)),
  packages: () => ['podman'],
  build: () => undefined,
  processes: () => ({}),
  env: () => ({}),
}
