# The programs in bin read this. It runs the next program of the same name in PATH, unless the
# command installs or removes packages.
if [ -z "$JKG_FAKE_GATEWAY_INSTALLS" ]; then
    for word in "$@"; do
        case $word in
        add | create | dist-upgrade | full-upgrade | inject | install | reinstall | remove | \
            sync | uninstall | update | upgrade)
            echo "ERROR: the fake kernel of jkg_client installs and removes no packages." \
                "Script what the cell prints: gateway.script(...).stream(...)," \
                "or allow it to install: gateway.script(...).installs()" >&2
            exit 1
            ;;
        esac
    done
fi
name=${0##*/}
PATH=$(printf %s "$PATH" | sed "s|${0%/*}:||")
exec "$name" "$@"
