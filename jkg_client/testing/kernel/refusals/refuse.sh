# Read by the programs in bin. Runs the one of the same name further on in PATH, unless it
# would change what is installed.
if [ -z "$JKG_FAKE_GATEWAY_INSTALLS" ]; then
    for word in "$@"; do
        case $word in
        add | create | dist-upgrade | full-upgrade | inject | install | reinstall | remove | \
            sync | uninstall | update | upgrade)
            echo "ERROR: the fake kernel of jkg_client installs and removes no packages." \
                "Say with gateway.script(...) what this cell prints, or let it run:" \
                "gateway.script(...).installs()" >&2
            exit 1
            ;;
        esac
    done
fi
name=${0##*/}
PATH=$(printf %s "$PATH" | sed "s|${0%/*}:||")
exec "$name" "$@"
