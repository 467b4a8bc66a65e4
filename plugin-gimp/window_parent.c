/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "window_parent.h"

#ifdef ESPY_HAVE_X11
#include <X11/Xlib.h>
#include <gdk/x11/gdkx.h>

void window_set_parent(GtkWindow *window, guint64 parent) {
    if (!parent) return;
    GdkDisplay *display = gtk_widget_get_display(GTK_WIDGET(window));
    if (!GDK_IS_X11_DISPLAY(display)) return;
    gtk_widget_realize(GTK_WIDGET(window));
    GdkSurface *surface = gtk_native_get_surface(GTK_NATIVE(window));
    XSetTransientForHint(gdk_x11_display_get_xdisplay(display), gdk_x11_surface_get_xid(surface),
                         (Window)parent);
}
#else
void window_set_parent(GtkWindow *window, guint64 parent) {
    (void)window, (void)parent;
}
#endif
