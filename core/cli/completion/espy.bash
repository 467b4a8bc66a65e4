# SPDX-License-Identifier: LGPL-2.1-or-later
# bash completion for espy

_espy_models() {
    local IFS=: dir path name
    for dir in ${ESPY_MODELS-} "${XDG_DATA_HOME:-$HOME/.local/share}/espy/models" \
        /usr/local/share/espy/models /usr/share/espy/models; do
        for path in "$dir"/*; do
            name=${path##*/}
            [[ -d $path || $name == *.gguf && $name != *mmproj* ]] && echo "${name%.gguf}"
        done
    done
}

_espy() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    local commands="describe ask count find chat info run bench convert quantize help"
    local general="--quiet --verbose --version --help"
    local model="--model --mmproj --threads --context --cache-type --kernels --exact"
    local sampling="--temperature --top-k --top-p --min-p --repetition-penalty
        --presence-penalty --frequency-penalty --seed --greedy"
    local pixels="--min-pixels --max-pixels"
    local picture="$pixels --fps --frames --total-pixels --alpha"
    local keep="--keep --keep-seed"
    local answer="--max-tokens --system --stop"
    local types="F32 F16 BF16 Q8_0 Q6_K Q5_K Q4_K Q4_0"
    local type="--type --vision-type --force --threads"
    local options=
    COMPREPLY=()
    case $prev in
    -p | --preset) COMPREPLY=($(compgen -W "caption alt detailed tags text markdown html events" -- "$cur")); return ;;
    --language) COMPREPLY=($(compgen -W "English German French Spanish Chinese" -- "$cur")); return ;;
    --alpha) COMPREPLY=($(compgen -W "white drop" -- "$cur")); return ;;
    --cache-type) COMPREPLY=($(compgen -W "f16 f32 q8_0" -- "$cur")); return ;;
    --kernels) COMPREPLY=($(compgen -W "scalar avx2 avx512" -- "$cur")); return ;;
    --type) COMPREPLY=($(compgen -W "$types Q4_K_M" -- "$cur")); return ;;
    --vision-type) COMPREPLY=($(compgen -W "$types" -- "$cur")); return ;;
    -m | --model) COMPREPLY=($(compgen -W "$(_espy_models)" -- "$cur")) ;;
    -n | --max-tokens | -t | --threads | --context | --temperature | --top-k | --top-p | --min-p | \
        --*-penalty | --seed | --keep | --keep-seed | --*-pixels | --system | --stop | --size | --fitted | --repeat | --times | \
        --fps | --frames | --rate) return ;;
    esac
    case ${COMP_WORDS[1]} in
    ask) options="--together --times --rate --language --json $answer $picture $keep $model $sampling" ;;
    find) options="--draw --svg --answer --fitted --json $answer $picture $model $sampling" ;;
    count) options="--json $answer $picture $model $sampling" ;;
    chat) options="$answer $picture $model $sampling" ;;
    info) options="--json $model" ;;
    run) options="--request --trace $model" ;;
    bench) options="--max-tokens --size --repeat --json $pixels $model" ;;
    convert) options="--out --one-file $type" ;;
    quantize) options="$type" ;;
    *) options="--preset --rate --language --json $answer $picture $keep $model $sampling" ;;
    esac
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$options $general" -- "$cur"))
        return
    fi
    [[ $COMP_CWORD -eq 1 ]] && COMPREPLY+=($(compgen -W "$commands" -- "$cur"))
    compopt -o filenames 2>/dev/null
    local IFS=$'\n'
    COMPREPLY+=($(compgen -f -- "$cur"))
}
complete -F _espy espy
