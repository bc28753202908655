import type { Runtime } from './runtime.ts'
export const php: Runtime = {
  name: 'php',
  recognises: (files) =>
    ['composer.json', 'index.php', 'public/index.php'].some((each) => files.paths.includes(each)),
  packages: () => ['apache2-bin', 'media-types'],
  build: () => undefined,
  processes: () => ({ web: 'x' }),
  env: () => ({}),
}
