import { publish } from '../lab/debian.ts'
import type { TestHost } from '../lab/fixture.ts'

const key = (letter: string): string =>
  `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${letter.repeat(43)} ann@example.test`

/** What somebody does to a server by hand in a few years. */
export const byHand: string = `set -e
echo 'deb [trusted=yes] file:/srv/tiny ./' > /etc/apt/sources.list.d/tiny.list
printf 'Types: deb\\nURIs: file:/srv/own\\nSuites: ./\\nTrusted: yes\\n' > /etc/apt/sources.list.d/own.sources
apt-get update -qq
apt-get install -y -qq --no-install-recommends nginx-light nftables tiny own >/dev/null
dpkg -i /srv/by-hand/by-hand_1.0.deb >/dev/null
apt-mark manual tiny own >/dev/null

groupadd -g 2000 deploy
gpasswd -a www-data deploy >/dev/null
useradd -m -u 1500 -s /bin/bash -c "Ann O'Hara" -G sudo,deploy ann
echo 'ann:$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/' | chpasswd -e
useradd -m -u 1600 bob
useradd -r -u 450 -d /srv/shop -s /usr/sbin/nologin svc
install -d -m 700 -o ann -g ann /home/ann/.ssh
printf '# mine\\n%s\\n' '${key('A')}' > /home/ann/.ssh/authorized_keys
chown ann:ann /home/ann/.ssh/authorized_keys; chmod 600 /home/ann/.ssh/authorized_keys
install -d -o bob -g bob /home/bob/.ssh
echo '${key('B')}' > /home/bob/.ssh/authorized_keys; chown bob:bob /home/bob/.ssh/authorized_keys
echo 'ann ALL=(ALL) NOPASSWD: /usr/bin/systemctl' > /etc/sudoers.d/ann; chmod 440 /etc/sudoers.d/ann

sed -i 's/^\\tgzip on;/\\tgzip off;/' /etc/nginx/nginx.conf
printf 'server {\\n  listen 8080;\\n  root /srv/shop;\\n}\\n' > /etc/nginx/sites-available/shop
ln -s ../sites-available/shop /etc/nginx/sites-enabled/shop
rm /etc/nginx/sites-enabled/default /etc/cron.daily/apt-compat
mkdir -p /etc/systemd/system/nginx.service.d
printf '[Service]\\nLimitNOFILE=4096\\n' > /etc/systemd/system/nginx.service.d/limits.conf

printf '#!/bin/sh\\nexec sleep infinity\\n' > /usr/local/bin/shop; chmod 755 /usr/local/bin/shop
printf '[Unit]\\nDescription=Shop\\n\\n[Service]\\nExecStart=/usr/local/bin/shop\\nUser=svc\\nRestart=always\\n\\n[Install]\\nWantedBy=multi-user.target\\n' > /etc/systemd/system/shop.service
printf '# Every night.\\n[Timer]\\nOnCalendar=daily\\n\\n[Install]\\nWantedBy=timers.target\\n' > /etc/systemd/system/backup.timer
printf '[Service]\\nType=oneshot\\nExecStart=/bin/true\\n' > /etc/systemd/system/backup.service
printf '[Service]\\nExecStart=/bin/sleep %%i\\n\\n[Install]\\nWantedBy=multi-user.target\\n' > /etc/systemd/system/nap@.service
systemctl daemon-reload
systemctl -q enable --now nap@8888; systemctl start nap@9999
systemctl -q enable --now /opt/far/far.service
systemctl -q enable --now shop.service backup.timer nftables
systemctl restart nginx
systemctl -q disable --now cron
systemctl -q mask ssh.socket

mkdir /etc/shop
echo 'colour=green' > /etc/shop/shop.conf; chown svc:deploy /etc/shop/shop.conf; chmod 664 /etc/shop/shop.conf
printf 'a \`b\` \${c} \\\\ it'"'"'s "d"\\n' > "/etc/shop/it's a \\"name\\".conf"
printf -- '-----BEGIN PRIVATE KEY-----\\nMIIhunter2hunter2\\n-----END PRIVATE KEY-----\\n' > /etc/shop/key.pem
printf 'user=shop\\npassword = hunter2hunter2\\n' > /etc/shop/db.conf
printf '#!/bin/sh\\n# was: password=hunter2hunter2\\n' > /etc/shop/old
echo hunter2hunter2 > /etc/shop/token; chmod 600 /etc/shop/token
yes | head -c 300000 > /etc/shop/big
printf '\\377\\376\\000' > /etc/shop/blob

echo '0 3 * * * root find /tmp -mtime +9 -delete' > /etc/cron.d/clean
printf '# m h\\n5 4 * * * true\\n' > /var/spool/cron/crontabs/ann
chown ann:crontab /var/spool/cron/crontabs/ann; chmod 600 /var/spool/cron/crontabs/ann
printf 'net.core.somaxconn = 5000\\n' > /etc/sysctl.d/60-shop.conf
sed -i 's/^flush ruleset/flush ruleset\\n# ours/' /etc/nftables.conf
ln -sf /usr/share/zoneinfo/Europe/Copenhagen /etc/localtime; echo Europe/Copenhagen > /etc/timezone
printf '10.9.8.7 db.example.test db\\n10.9.8.8 a\\n10.9.8.8 b\\n' >> /etc/hosts
echo '# patched' >> /usr/sbin/invoke-rc.d
`

/** Where its packages come from, and a unit that is kept elsewhere. */
export async function repositories(host: TestHost): Promise<void> {
  const version = '1.0'
  await publish(host, '/srv/tiny', [{ name: 'tiny', version }])
  await publish(host, '/srv/by-hand', [{ name: 'by-hand', version }])
  const unit =
    '[Service]\\nExecStart=/bin/sleep infinity\\n[Install]\\nWantedBy=multi-user.target\\n'
  await host.exec(`mkdir -p /opt/far; printf '${unit}' > /opt/far/far.service`)
  await publish(host, '/srv/own', [{ name: 'own', version, conffile: 'a=1' }])
}
