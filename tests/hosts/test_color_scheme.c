/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Dark windows where the desktop asks for them: against a portal on a bus of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gio/gio.h>

#include "color_scheme.h"

enum { WAIT_MS = 10000, QUIET_MS = 300 };

static const char description[] =
    "<node><interface name='org.freedesktop.portal.Settings'>"
    "<method name='Read'><arg type='s' direction='in'/><arg type='s' direction='in'/>"
    "<arg type='v' direction='out'/></method>"
    "<signal name='SettingChanged'><arg type='s'/><arg type='s'/><arg type='v'/></signal>"
    "</interface></node>";

static GTestDBus *bus;
static GDBusConnection *portal;
static GVariant *setting; /* what the portal says: borrowed, in a variant of its own */
static int n_told, told;

static void on_call(GDBusConnection *c, const char *sender, const char *path, const char *interface,
                    const char *method, GVariant *args, GDBusMethodInvocation *call,
                    gpointer user) {
    (void)c, (void)sender, (void)path, (void)interface, (void)method, (void)user;
    const char *of, *name;
    g_variant_get(args, "(&s&s)", &of, &name);
    if (g_str_equal(of, "org.freedesktop.appearance") && g_str_equal(name, "color-scheme") &&
        setting)
        g_dbus_method_invocation_return_value(call,
                                              g_variant_new("(v)", g_variant_new_variant(setting)));
    else
        g_dbus_method_invocation_return_dbus_error(call, "org.freedesktop.portal.Error.NotFound",
                                                   "Requested setting not found");
}

static void signal_setting(const char *name_space, const char *name, GVariant *value) {
    assert_true(g_dbus_connection_emit_signal(
        portal, NULL, "/org/freedesktop/portal/desktop", "org.freedesktop.portal.Settings",
        "SettingChanged", g_variant_new("(ssv)", name_space, name, value), NULL));
}

static gboolean wake(gpointer out) {
    *(gboolean *)out = TRUE;
    return G_SOURCE_REMOVE;
}

/* Runs the main loop until so many calls came, or so long. */
static void run(int n, guint ms) {
    gboolean late = FALSE;
    guint timer = g_timeout_add(ms, wake, &late);
    while (n_told < n && !late) g_main_context_iteration(NULL, TRUE);
    if (!late) g_source_remove(timer);
}

static void on_scheme(void *user, color_scheme scheme) {
    (void)user;
    n_told++;
    told = (int)scheme;
}

static int begin(void **state) {
    (void)state;
    static const GDBusInterfaceVTable calls = { .method_call = on_call };
    bus = g_test_dbus_new(G_TEST_DBUS_NONE);
    g_test_dbus_up(bus);
    portal =
        g_dbus_connection_new_for_address_sync(g_test_dbus_get_bus_address(bus),
                                               G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                                   G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                               NULL, NULL, NULL);
    GDBusNodeInfo *info = g_dbus_node_info_new_for_xml(description, NULL);
    assert_true(g_dbus_connection_register_object(portal, "/org/freedesktop/portal/desktop",
                                                  info->interfaces[0], &calls, NULL, NULL, NULL));
    g_dbus_node_info_unref(info);
    GVariant *reply = g_dbus_connection_call_sync(
        portal, "org.freedesktop.DBus", "/", "org.freedesktop.DBus", "RequestName",
        g_variant_new("(su)", "org.freedesktop.portal.Desktop", 0), NULL, G_DBUS_CALL_FLAGS_NONE,
        -1, NULL, NULL);
    assert_non_null(reply);
    g_variant_unref(reply);
    n_told = 0;
    told = -1;
    setting = NULL;
    return 0;
}

static int end(void **state) {
    (void)state;
    g_clear_object(&portal);
    GDBusConnection *shared = g_bus_get_sync(G_BUS_TYPE_SESSION, NULL, NULL);
    g_dbus_connection_set_exit_on_close(shared, FALSE);
    g_object_unref(shared);
    g_test_dbus_stop(bus);
    g_clear_object(&bus);
    return 0;
}

static void what_is_asked_for_is_told_and_its_changes(void **state) {
    (void)state;
    setting = g_variant_new_variant(g_variant_new_uint32(1));
    g_variant_ref_sink(setting);
    color_scheme_watch *w = color_scheme_watch_new(on_scheme, NULL);
    run(1, WAIT_MS);
    assert_int_equal(n_told, 1);
    assert_int_equal(told, COLOR_SCHEME_DARK);
    signal_setting("org.freedesktop.appearance", "accent-color", g_variant_new_uint32(2));
    signal_setting("org.gnome.desktop.interface", "color-scheme", g_variant_new_uint32(2));
    signal_setting("org.freedesktop.appearance", "color-scheme", g_variant_new_string("light"));
    signal_setting("org.freedesktop.appearance", "color-scheme", g_variant_new_uint32(2));
    run(2, WAIT_MS);
    assert_int_equal(n_told, 2); /* the last alone */
    assert_int_equal(told, COLOR_SCHEME_LIGHT);
    signal_setting("org.freedesktop.appearance", "color-scheme", g_variant_new_uint32(77));
    run(3, WAIT_MS);
    assert_int_equal(told, COLOR_SCHEME_NONE);
    color_scheme_watch_free(w);
    signal_setting("org.freedesktop.appearance", "color-scheme", g_variant_new_uint32(1));
    run(4, QUIET_MS);
    assert_int_equal(n_told, 3);
    g_variant_unref(setting);
}

static void a_portal_that_does_not_know_says_nothing(void **state) {
    (void)state;
    color_scheme_watch *w = color_scheme_watch_new(on_scheme, NULL);
    run(1, QUIET_MS);
    assert_int_equal(n_told, 0);
    color_scheme_watch_free(w);
}

/* At each point of asking. */
static void freed_before_the_answer(void **state) {
    (void)state;
    setting = g_variant_ref_sink(g_variant_new_variant(g_variant_new_uint32(1)));
    for (int n = 0; n < 12; n++) {
        color_scheme_watch *w = color_scheme_watch_new(on_scheme, NULL);
        for (int i = 0; i < n; i++) g_main_context_iteration(NULL, FALSE);
        color_scheme_watch_free(w);
        int before = n_told;
        run(before + 1, QUIET_MS / 3);
        assert_int_equal(n_told, before);
    }
    color_scheme_watch_free(NULL);
    g_variant_unref(setting);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_asked_for_is_told_and_its_changes, begin, end),
        cmocka_unit_test_setup_teardown(a_portal_that_does_not_know_says_nothing, begin, end),
        cmocka_unit_test_setup_teardown(freed_before_the_answer, begin, end),
    };
    g_autofree char *daemon = g_find_program_in_path("dbus-daemon");
    if (!daemon) return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
