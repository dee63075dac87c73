package main

import (
	"context"
	"errors"
	"os"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"k8s.io/mount-utils"
)

func (d *driver) NodeGetInfo(context.Context, *csi.NodeGetInfoRequest) (*csi.NodeGetInfoResponse, error) {
	return &csi.NodeGetInfoResponse{NodeId: d.node, AccessibleTopology: d.topology()}, nil
}

func (d *driver) NodeGetCapabilities(context.Context, *csi.NodeGetCapabilitiesRequest) (*csi.NodeGetCapabilitiesResponse, error) {
	answer := &csi.NodeGetCapabilitiesResponse{}
	for _, kind := range []csi.NodeServiceCapability_RPC_Type{
		csi.NodeServiceCapability_RPC_STAGE_UNSTAGE_VOLUME, csi.NodeServiceCapability_RPC_EXPAND_VOLUME,
		csi.NodeServiceCapability_RPC_GET_VOLUME_STATS,
	} {
		rpc := &csi.NodeServiceCapability_RPC{Type: kind}
		answer.Capabilities = append(answer.Capabilities,
			&csi.NodeServiceCapability{Type: &csi.NodeServiceCapability_Rpc{Rpc: rpc}})
	}
	return answer, nil
}

// mounted says whether a path is a mount point, and makes the directory if it is missing.
func (d *driver) mounted(path string) (bool, error) {
	if err := os.MkdirAll(path, 0o750); err != nil {
		return false, err
	}
	return d.mounter.IsMountPoint(path)
}

// resize makes the loop device and the file system at a mount point as large as the image.
func (d *driver) resize(id, path string) error {
	device, err := loopDevice(d.images.volume(id))
	if err != nil {
		return err
	}
	if device == "" {
		return errors.New(id + " has no loop device")
	}
	if _, err := run("losetup", "--set-capacity", device); err != nil {
		return err
	}
	_, err = mount.NewResizeFs(d.mounter.Exec).Resize(device, path)
	return err
}

func (d *driver) NodeStageVolume(_ context.Context, request *csi.NodeStageVolumeRequest) (*csi.NodeStageVolumeResponse, error) {
	if err := d.checkMount(request.VolumeId, request.StagingTargetPath, request.StagingTargetPath, request.VolumeCapability); err != nil {
		return nil, err
	}
	unlock, err := d.lock(request.VolumeId)
	if err != nil {
		return nil, err
	}
	defer unlock()
	there, err := d.mounted(request.StagingTargetPath)
	if err != nil {
		return nil, failure(err)
	}
	if !there {
		kind := request.VolumeCapability.GetMount().GetFsType()
		if kind == "" {
			kind = "xfs"
		}
		options := append([]string{"loop"}, request.VolumeCapability.GetMount().GetMountFlags()...)
		if kind == "xfs" {
			options = append(options, "nouuid") // a restored copy has its source's UUID
		}
		if err := d.mounter.FormatAndMount(d.images.volume(request.VolumeId), request.StagingTargetPath, kind, options); err != nil {
			return nil, failure(err)
		}
	}
	if err := d.resize(request.VolumeId, request.StagingTargetPath); err != nil {
		return nil, failure(err)
	}
	return &csi.NodeStageVolumeResponse{}, nil
}

func (d *driver) NodeUnstageVolume(_ context.Context, request *csi.NodeUnstageVolumeRequest) (*csi.NodeUnstageVolumeResponse, error) {
	if err := d.unmount(request.VolumeId, request.StagingTargetPath); err != nil {
		return nil, err
	}
	return &csi.NodeUnstageVolumeResponse{}, nil // the loop device goes with the mount
}

func (d *driver) NodePublishVolume(_ context.Context, request *csi.NodePublishVolumeRequest) (*csi.NodePublishVolumeResponse, error) {
	if err := d.checkMount(request.VolumeId, request.TargetPath, request.StagingTargetPath, request.VolumeCapability); err != nil {
		return nil, err
	}
	there, err := d.mounted(request.TargetPath)
	if err != nil {
		return nil, failure(err)
	}
	if !there {
		options := []string{"bind"}
		if request.Readonly {
			options = append(options, "ro")
		}
		if err := d.mounter.Mount(request.StagingTargetPath, request.TargetPath, "", options); err != nil {
			return nil, failure(err)
		}
	}
	return &csi.NodePublishVolumeResponse{}, nil
}

func (d *driver) NodeUnpublishVolume(_ context.Context, request *csi.NodeUnpublishVolumeRequest) (*csi.NodeUnpublishVolumeResponse, error) {
	if err := d.unmount(request.VolumeId, request.TargetPath); err != nil {
		return nil, err
	}
	return &csi.NodeUnpublishVolumeResponse{}, nil
}

func (d *driver) checkMount(id, target, staging string, capability *csi.VolumeCapability) error {
	if err := checkIdentifier("volume", id); err != nil {
		return err
	}
	if target == "" || staging == "" {
		return status.Error(codes.InvalidArgument, "no target or staging path")
	}
	if err := checkCapabilities(capability); err != nil {
		return err
	}
	if _, err := size(d.images.volume(id)); err != nil {
		return failure(err)
	}
	return nil
}

func (d *driver) unmount(id, path string) error {
	if id == "" || path == "" {
		return status.Error(codes.InvalidArgument, "no volume id or path")
	}
	if err := mount.CleanupMountPoint(path, d.mounter, true); err != nil {
		return failure(err)
	}
	return nil
}

func (d *driver) NodeExpandVolume(_ context.Context, request *csi.NodeExpandVolumeRequest) (*csi.NodeExpandVolumeResponse, error) {
	if err := checkIdentifier("volume", request.VolumeId); err != nil {
		return nil, err
	}
	if request.VolumePath == "" {
		return nil, status.Error(codes.InvalidArgument, "no volume path")
	}
	unlock, err := d.lock(request.VolumeId)
	if err != nil {
		return nil, err
	}
	defer unlock()
	bytes, err := size(d.images.volume(request.VolumeId))
	if err != nil {
		return nil, failure(err)
	}
	if err := d.resize(request.VolumeId, request.VolumePath); err != nil {
		return nil, failure(err)
	}
	return &csi.NodeExpandVolumeResponse{CapacityBytes: bytes}, nil
}

func (d *driver) NodeGetVolumeStats(_ context.Context, request *csi.NodeGetVolumeStatsRequest) (*csi.NodeGetVolumeStatsResponse, error) {
	if request.VolumeId == "" || request.VolumePath == "" {
		return nil, status.Error(codes.InvalidArgument, "no volume id or path")
	}
	if _, err := size(d.images.volume(request.VolumeId)); err != nil {
		return nil, failure(err)
	}
	var stat unix.Statfs_t
	if err := unix.Statfs(request.VolumePath, &stat); err != nil {
		return nil, failure(err)
	}
	block := int64(stat.Bsize)
	blocks, free, files := int64(stat.Blocks), int64(stat.Bfree), int64(stat.Files)
	return &csi.NodeGetVolumeStatsResponse{Usage: []*csi.VolumeUsage{
		{Unit: csi.VolumeUsage_BYTES, Total: blocks * block, Available: int64(stat.Bavail) * block, Used: (blocks - free) * block},
		{Unit: csi.VolumeUsage_INODES, Total: files, Available: int64(stat.Ffree), Used: files - int64(stat.Ffree)},
	}}, nil
}
