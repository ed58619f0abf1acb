# OpenCV's core and imgproc alone: Debian keeps the package configuration in libopencv-dev, which pulls in everything.
find_path(OpenCVImgproc_INCLUDE_DIR NAMES opencv2/imgproc.hpp PATH_SUFFIXES opencv4)
find_library(OpenCV_CORE_LIBRARY NAMES opencv_core)
find_library(OpenCV_IMGPROC_LIBRARY NAMES opencv_imgproc)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OpenCVImgproc REQUIRED_VARS OpenCV_IMGPROC_LIBRARY OpenCV_CORE_LIBRARY
                                                              OpenCVImgproc_INCLUDE_DIR)
if(OpenCVImgproc_FOUND AND NOT TARGET OpenCVImgproc::OpenCVImgproc)
  add_library(OpenCVImgproc::OpenCVImgproc INTERFACE IMPORTED)
  set_target_properties(
    OpenCVImgproc::OpenCVImgproc
    PROPERTIES INTERFACE_INCLUDE_DIRECTORIES ${OpenCVImgproc_INCLUDE_DIR}
               INTERFACE_LINK_LIBRARIES "${OpenCV_IMGPROC_LIBRARY};${OpenCV_CORE_LIBRARY}")
endif()
mark_as_advanced(OpenCVImgproc_INCLUDE_DIR OpenCV_CORE_LIBRARY OpenCV_IMGPROC_LIBRARY)
