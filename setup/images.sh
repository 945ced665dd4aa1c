#!/bin/sh
# Writes behind the tag of each foreign image of compose.yaml and the Dockerfile the digest that the
# registry has for it now, so that the same image comes everywhere. Needs Docker with buildx.
# usage: setup/images.sh
set -eu
cd "$(dirname "$0")/.."

pinned=""
images=$(sed -nE 's/^(FROM|    image:) +([a-z]+:[^@ ]+).*/\2/p' compose.yaml Dockerfile | sort -u | grep -v '^buildfeed:')
for image in $images; do
    # As JSON: some versions of buildx print much more where a template names the digest alone.
    digest=$(docker buildx imagetools inspect "$image" --format '{{json .Manifest.Digest}}' | tr -d '"')
    if ! printf %s "$digest" | grep -qxE 'sha256:[0-9a-f]{64}'; then
        echo "The registry does not tell the digest of $image: the lines above say why. Nothing was written." >&2
        exit 1
    fi
    pinned="$pinned
s|( $image)(@sha256:[0-9a-f]+)?( \|\$)|\\1@$digest\\3|"
done
sed -i -E "$pinned" compose.yaml Dockerfile
