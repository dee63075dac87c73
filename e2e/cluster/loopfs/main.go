// Command loopfs is a CSI driver for one node. A volume is a sparse image file whose file system is mounted through a loop
// device, so that its size is a real limit and can grow.
//
// All state is the files' names and sizes: volumes/NAME.img and snapshots/NAME@VOLUME.img below -dir.
package main

import (
	"context"
	"flag"
	"log"
	"net"
	"os"
	"path/filepath"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
	"k8s.io/mount-utils"
	"k8s.io/utils/exec"
)

func main() {
	name := flag.String("driver", "loopfs.csi.local", "the driver's name")
	node := flag.String("node", "", "the node's name")
	directory := flag.String("dir", "/var/lib/loopfs", "where the images lie")
	kubelet := flag.String("kubelet-dir", "/var/lib/kubelet", "the kubelet's --root-dir")
	flag.Parse()

	images, err := openImages(*directory)
	if err != nil {
		log.Fatal(err)
	}
	socket := filepath.Join(*kubelet, "plugins", *name, "csi.sock")
	driver := &driver{
		name: *name, node: *node, socket: socket, images: images,
		mounter: &mount.SafeFormatAndMount{Interface: mount.New(""), Exec: exec.New()},
	}
	go serve(filepath.Join(*kubelet, "plugins_registry", *name+"-reg.sock"), func(server *grpc.Server) {
		registration.RegisterRegistrationServer(server, registrar{driver: driver})
	})
	serve(socket, func(server *grpc.Server) {
		csi.RegisterIdentityServer(server, driver)
		csi.RegisterControllerServer(server, driver)
		csi.RegisterNodeServer(server, driver)
	})
}

// serve answers on a socket until the process ends.
func serve(path string, register func(*grpc.Server)) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		log.Fatal(err)
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		log.Fatal(err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(grpc.UnaryInterceptor(logErrors))
	register(server)
	log.Fatal(server.Serve(listener))
}

func logErrors(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	answer, err := handle(ctx, request)
	if err != nil {
		log.Printf("%s: %v", info.FullMethod, err)
	}
	return answer, err
}
