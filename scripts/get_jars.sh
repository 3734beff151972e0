#!/usr/bin/env bash
# Fetches the jars that PySpark needs to read Delta tables into build/jars (13 MB).
#
# These seven, and not their dependencies: all else is in the pyspark package already. Maven fetches
# them rather than Spark's own resolver, which needs 20 to 50 seconds in every session.
set -euo pipefail
cd "$(dirname "$0")/.."

jars=build/jars
wanted=(
    io.delta:delta-spark_4.2_2.13:4.4.0
    io.delta:delta-storage:4.4.0
    io.delta:delta-kernel-api:4.4.0
    io.delta:delta-kernel-defaults:4.4.0
    io.delta:delta-kernel-unitycatalog:4.4.0
    io.unitycatalog:unitycatalog-client:0.6.0
    io.unitycatalog:unitycatalog-hadoop:0.6.0
)
stamp=$jars/.complete
[ -e "$stamp" ] && [ "$stamp" -nt "$0" ] && exit 0
mkdir -p "$jars"

# One project that names them all, so that Maven starts once.
{
    echo '<project><modelVersion>4.0.0</modelVersion>'
    echo '<groupId>sluice</groupId><artifactId>jars</artifactId><version>1</version><dependencies>'
    for jar in "${wanted[@]}"; do
        IFS=: read -r group artifact version <<<"$jar"
        echo "<dependency><groupId>$group</groupId><artifactId>$artifact</artifactId>"
        echo "<version>$version</version><exclusions><exclusion><groupId>*</groupId>"
        echo '<artifactId>*</artifactId></exclusion></exclusions></dependency>'
    done
    echo '</dependencies></project>'
} >"$jars/pom.xml"

echo "fetching the Delta jars for Spark into $jars" >&2
mvn --batch-mode --quiet -f "$jars/pom.xml" \
    org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
    -DoutputDirectory="$PWD/$jars" -DexcludeTransitive=true
for jar in "${wanted[@]}"; do
    IFS=: read -r _ artifact version <<<"$jar"
    if [ ! -s "$jars/$artifact-$version.jar" ]; then
        echo "get_jars: $artifact-$version.jar did not arrive" >&2
        exit 1
    fi
done
touch "$stamp"
