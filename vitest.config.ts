import { fileURLToPath } from 'node:url'
import { defineConfig, type ViteUserConfig } from 'vitest/config'

const config: ViteUserConfig = defineConfig({
  resolve: { alias: { fettle: fileURLToPath(new URL('src/index.ts', import.meta.url)) } },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: ['test/lab/setup.ts'],
    setupFiles: ['test/seed.ts'],
    testTimeout: 60_000,
    // The first run builds the lab's image.
    hookTimeout: 240_000,
    // Much of what tests do is waiting for hosts.
    maxWorkers: 3,
  },
})

export default config
