# What a JVM must be told to leave a set-up, and what Maven reads in every later command. Argument: the environment.
# Options for the JVM are in /tmp/signoff-jvm/options afterwards.
set -eu
root=$1
way=/tmp/signoff-jvm
logging=/usr/share/maven/conf/logging
mkdir -p "$way" "$root/maven/conf" "$root/maven/repo"
proxy=${HTTPS_PROXY:-}
host=${proxy#*//}
port=${host##*:}
host=${host%%:*}
options=
proxies=
if [ -n "$proxy" ]; then
  options="-Dhttp.proxyHost=$host -Dhttp.proxyPort=$port -Dhttps.proxyHost=$host -Dhttps.proxyPort=$port"
  # From 3.9 on Maven's own client looks at no property.
  proxies="<proxy><id>way-out</id><active>true</active><protocol>http</protocol><host>$host</host><port>$port</port>"
  proxies="<proxies>$proxies<nonProxyHosts>localhost|127.0.0.1</nonProxyHosts></proxy></proxies>"
fi
if [ -n "${SSL_CERT_FILE:-}" ]; then
  cat >"$way/Trust.java" <<'EOF'
import java.nio.file.*;
import java.security.KeyStore;
import java.security.cert.*;

public class Trust {
    public static void main(String[] places) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        try (var pem = Files.newInputStream(Path.of(places[0]))) {
            for (Certificate each : CertificateFactory.getInstance("X.509").generateCertificates(pem)) {
                store.setCertificateEntry("c" + store.size(), each);
            }
        }
        try (var out = Files.newOutputStream(Path.of(places[1]))) {
            store.store(out, "changeit".toCharArray());
        }
    }
}
EOF
  java "$way/Trust.java" "$SSL_CERT_FILE" "$way/trust.p12"
  options="$options -Djavax.net.ssl.trustStore=$way/trust.p12 -Djavax.net.ssl.trustStorePassword=changeit"
fi
printf '%s' "$options" >"$way/options"
printf '<settings>%s</settings>\n' "$proxies" >"$way/settings.xml"
printf '<settings><offline>true</offline></settings>\n' >"$root/maven/conf/settings.xml"
if [ -d "$logging" ]; then
  ln -sfn "$logging" "$way/logging"
  ln -sfn "$logging" "$root/maven/conf/logging"
else
  mkdir -p "$way/logging" "$root/maven/conf/logging"
fi
