# What the web role comes to, read in one go by a bare shell: as few programs as it takes, no
# comparison, no answer for anybody but people. Nothing that converges this role over ssh can well
# be faster. It prints states and `end`.
services='catalog cart checkout search users orders payments mail media stats'
sites='shop api static status admin'
people='deploy alice bob carol dave'
units='web-worker web-scheduler web-metrics'

directories='/srv/shop /srv/shop/releases /srv/shop/shared /srv/shop/shared/config
  /srv/shop/shared/log /srv/backup /var/www/shop /var/www/static /etc/webapp /etc/webapp/conf.d'
files='/etc/webapp/worker.conf /etc/webapp/scheduler.conf /etc/webapp/metrics.conf /etc/motd
  /etc/logrotate.d/webapp /etc/cron.d/webapp
  /etc/sysctl.d/60-webapp-net.conf /etc/sysctl.d/61-webapp-tcp.conf'
links= keys=
for each in $services; do files="$files /etc/webapp/conf.d/$each.conf"; done
for each in $sites; do
  files="$files /etc/nginx/sites-available/$each"
  links="$links /etc/nginx/sites-enabled/$each"
done
for each in $units; do files="$files /etc/systemd/system/$each.service"; done
for each in $people; do keys="$keys /home/$each/.ssh /home/$each/.ssh/authorized_keys"; done

find $directories $files $links $keys -maxdepth 0 -printf '%p %y %m %u %g %s %l\n'
sha256sum $files
dpkg-query -W -f '${Package} ${db:Status-Status} ${Version}\n' \
  nginx-light git curl rsync htop tmux jq unzip logrotate cron acl ncdu
getent passwd $people
for each in $people; do
  while read -r key; do printf 'key %s %s\n' "$each" "$key"; done < /home/$each/.ssh/authorized_keys
done
systemctl show -p Id,ActiveState,SubState,UnitFileState,NeedDaemonReload nginx $units
echo end
