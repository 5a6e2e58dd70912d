#!/usr/bin/env bash
# The main job before the reader's eyes: a push to a connected repository, its targets deployed in order, the history,
# the pull request. Everything runs on this machine: see `syncline-local`.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
state=$root/.local
bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'
if [ ! -t 1 ] || [ -n "${NO_COLOR:-}" ]; then bold='' dim='' plain=''; fi

step() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }
# A command as it is typed: none of its words has a single quote.
typed() {
  local word line=
  for word; do
    case $word in *[!A-Za-z0-9_./:=@,+-]*) word="'$word'" ;; esac
    line="$line $word"
  done
  printf '%s$%s%s\n' "$dim" "$line" "$plain"
}
show() { typed "$@"; "$@"; }
quiet() {
  typed "$@"
  if ! "$@" >"$state/last-command.log" 2>&1; then
    cat "$state/last-command.log" >&2
    printf 'error: `%s` failed\nhelp: its output is above; `make down` starts over\n' "$1" >&2
    exit 1
  fi
}

export PATH=$root/target/debug:$PATH

step "A local AWS: the emulator, and CodeCommit over real Git repositories"
syncline-local down --state-dir "$state" >/dev/null 2>&1
rm -rf "$state"
mkdir -p "$state"
show syncline-local up --state-dir "$state"
eval "$(syncline-local env --state-dir "$state")"
{
  syncline-local env --state-dir "$state"
  printf 'export PATH=%q:%q:$PATH\n' "$root/target/debug" "$root/.tools/aws/bin"
} >"$state/env.sh"

step "A repository to connect: the example shop, with branches main and prod"
url=$(aws codecommit create-repository --repository-name shop --output text \
  --query repositoryMetadata.cloneUrlHttp)
cp -R examples/shop "$state/shop"
cd "$state/shop"
git init --quiet --initial-branch main
git config user.name "${USER:-you}"
git config user.email you@shop.example
git config commit.gpgsign false
git remote add origin "$url"
git commit --quiet --allow-empty --message "Begin"
git branch prod
git add .
git commit --quiet --message "Describe the shop: an environment, an event bus, four services"
quiet git push --quiet origin prod
cd "$root"

step "Syncline itself, deployed with SAM as to any account"
quiet sam deploy --no-progressbar --parameter-overrides EventSourcePrefix=local ManifestBranch=main
table=$(aws cloudformation describe-stacks --stack-name syncline --output text \
  --query "Stacks[0].Outputs[?OutputKey=='TableName'].OutputValue")
printf 'installed; its table is %s\n' "$table"

step "Push to main"
cd "$state/shop"
show git push --quiet --set-upstream origin main
syncline status -r shop -b main --commit "$(git rev-parse HEAD)" --watch --wait 60

step "The history"
show syncline history -r shop

step "The pull request that takes the commit to prod"
pr=$(aws codecommit list-pull-requests --repository-name shop --pull-request-status OPEN --output text \
  --query 'pullRequestIds[0]')
show aws codecommit get-pull-request --pull-request-id "$pr" --output table \
  --query 'pullRequest.{id:pullRequestId,title:title,status:pullRequestStatus,from:pullRequestTargets[0].sourceReference,to:pullRequestTargets[0].destinationReference}'

cat <<EOF

${bold}What to try next${plain}
  . .local/env.sh                       # the local AWS, for aws, sam, git and syncline in this shell
  aws codecommit merge-pull-request-by-fast-forward --pull-request-id $pr --repository-name shop
  syncline status -r shop -b prod --watch --wait 30      # merging pushed to prod, and so prod follows

  cd .local/shop                        # change one service, and only that one is deployed
  sed -i.bak 's/visibility_timeout: 120/visibility_timeout: 60/; s/detail_type: OrderPlaced}/detail_type: OrderPaid}/' payments/spec.yaml && rm payments/spec.yaml.bak
  git commit -am 'Work off paid orders' && git push && syncline status -b main --watch --wait 30

  make down                             # stop the local AWS and forget its state
EOF
