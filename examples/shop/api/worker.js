console.log(`worker of ${process.env.FETTLE_RELEASE} waits for work`)
const timer = setInterval(() => console.log('nothing to do'), 60_000)
process.on('SIGTERM', () => clearInterval(timer))
